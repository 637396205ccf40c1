using System.Text;
using MoeLora.Gateway.Chat;
using MoeLora.Gateway.Completions;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Tests;

public sealed class ParameterTests
{
    [Theory]
    [InlineData("model", "5", "invalid_type")]
    [InlineData("model", "\"\"", "invalid_value")]
    [InlineData("model", "\" a\"", "invalid_value")]
    [InlineData("prompt", "5", "invalid_type")]
    [InlineData("prompt", "\"\"", "invalid_value")]
    [InlineData("prompt", "[]", "invalid_value")]
    [InlineData("prompt", "[[]]", "invalid_value")]
    [InlineData("prompt", "[1,-2]", "invalid_value")]
    [InlineData("prompt", "[1,2.5]", "invalid_type")]
    [InlineData("prompt", "[1,2147483648]", "invalid_type")]
    [InlineData("prompt", "[1,\"a\"]", "invalid_type")]
    [InlineData("prompt", "[\"a\",\"b\"]", "invalid_value")]
    [InlineData("prompt", "[[1],[2]]", "invalid_value")]
    [InlineData("prompt", "\"\\ud800\"", "invalid_value")]
    [InlineData("max_tokens", "\"16\"", "invalid_type")]
    [InlineData("max_tokens", "1.5", "invalid_type")]
    [InlineData("max_tokens", "99999999999", "invalid_type")]
    [InlineData("max_tokens", "0", "invalid_value")]
    [InlineData("temperature", "\"1\"", "invalid_type")]
    [InlineData("temperature", "-0.1", "invalid_value")]
    [InlineData("temperature", "2.1", "invalid_value")]
    [InlineData("temperature", "1e999", "invalid_value")]
    [InlineData("top_p", "0", "invalid_value")]
    [InlineData("top_p", "1.1", "invalid_value")]
    [InlineData("top_k", "-1", "invalid_value")]
    [InlineData("repetition_penalty", "0", "invalid_value")]
    [InlineData("repetition_penalty", "1e999", "invalid_value")]
    [InlineData("seed", "1.5", "invalid_type")]
    [InlineData("stop", "5", "invalid_type")]
    [InlineData("stop", "[5]", "invalid_type")]
    [InlineData("stop", "[null]", "invalid_type")]
    [InlineData("stop", "[\"\"]", "invalid_value")]
    [InlineData("stop", "[\"a\",\"b\",\"c\",\"d\",\"e\"]", "invalid_value")]
    [InlineData("stream", "1", "invalid_type")]
    [InlineData("stream", "\"true\"", "invalid_type")]
    [InlineData("stream_options", "true", "invalid_type")]
    [InlineData("stream_options", "{\"include_usage\":true}", "invalid_value")]
    [InlineData("return_token_ids", "0", "invalid_type")]
    [InlineData("user", "{}", "invalid_type")]
    [InlineData("n", "0", "invalid_value")]
    [InlineData("n", "17", "invalid_value")]
    [InlineData("n", "1.5", "invalid_type")]
    [InlineData("best_of", "2", "unsupported_parameter")]
    [InlineData("echo", "true", "unsupported_parameter")]
    [InlineData("logprobs", "true", "invalid_type")]
    [InlineData("logprobs", "-1", "invalid_value")]
    [InlineData("logprobs", "21", "invalid_value")]
    [InlineData("min_p", "1.5", "invalid_value")]
    [InlineData("stop_token_ids", "5", "invalid_type")]
    [InlineData("stop_token_ids", "[-1]", "invalid_value")]
    [InlineData("stop_token_ids", "[\"a\"]", "invalid_type")]
    [InlineData("stop_token_ids", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "invalid_value")]
    [InlineData("response_format", "\"text\"", "invalid_type")]
    [InlineData("response_format", "{\"type\":\"choice\",\"choices\":[]}", "invalid_value")]
    [InlineData("response_format", "{\"type\":\"choice\",\"choices\":[\"\"]}", "invalid_value")]
    [InlineData("suffix", "\"s\"", "unsupported_parameter")]
    [InlineData("logit_bias", "{\"5\":1}", "unsupported_parameter")]
    [InlineData("presence_penalty", "2.5", "invalid_value")]
    [InlineData("frequency_penalty", "-2.5", "invalid_value")]
    [InlineData("messages", "[]", "unknown_parameter")]
    [InlineData("Temperature", "1", "unknown_parameter")]
    public void Parameter_ThatIsWrong_IsRefusedByName(string name, string value, string code)
    {
        string rest = string.Concat(new[] { "model", "prompt" }.Where(other => other != name).Select(other => $",\"{other}\":\"3\""));
        byte[] body = Encoding.UTF8.GetBytes($$"""{"{{name}}":{{value}}{{rest}}}""");

        Assert.False(CompletionReader.TryRead(body, out _, out ApiError? error));

        Assert.Equal(400, error.Status);
        Assert.Equal(code, error.Code);
        Assert.Equal(name, error.Param);
        Assert.Contains($"'{name}'", error.Message);
    }

    [Theory]
    [InlineData("{}", "response_format.type", "missing_required_parameter")]
    [InlineData("{\"type\":\"xml\"}", "response_format.type", "invalid_value")]
    [InlineData("{\"type\":\"text\",\"grammar\":1}", "response_format.grammar", "unknown_parameter")]
    [InlineData("{\"type\":\"text\",\"choices\":[\"a\"]}", "response_format.choices", "invalid_value")]
    [InlineData("{\"type\":\"choice\"}", "response_format.choices", "missing_required_parameter")]
    [InlineData("{\"type\":\"choice\",\"choices\":[5]}", "response_format.choices", "invalid_type")]
    [InlineData("{\"type\":\"json_schema\"}", "response_format.json_schema", "missing_required_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}", "response_format.json_schema.schema", "missing_required_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"schema\":true}}", "response_format.json_schema.schema", "invalid_type")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"const\":\"\\ud800\"}}}", "response_format.json_schema.schema", "invalid_value")]
    [InlineData("{\"type\":\"json_object\",\"json_schema\":{}}", "response_format.json_schema", "invalid_value")]
    public void ResponseFormat_ThatIsWrong_IsRefusedByName(string value, string param, string code)
    {
        byte[] body = Encoding.UTF8.GetBytes($$"""{"model":"3","prompt":"p","response_format":{{value}}}""");

        Assert.False(CompletionReader.TryRead(body, out _, out ApiError? error));

        Assert.Equal((param, code), (error.Param, error.Code));
    }

    [Fact]
    public void ChatBody_OfRandomChanges_IsReadOrRefused() =>
        Mangle("""{"model":"3","messages":[{"role":"system","content":"\ud83d\ude00"},{"role":"user","content":[{"type":"text","text":"b"}]}],"tools":[],"response_format":{"type":"choice","choices":["a"]}}""", ChatReader.TryRead);

    [Fact]
    public void Body_OfRandomChanges_IsReadOrRefused() =>
        Mangle("""{"model":"3","prompt":["\ud83d\ude00"],"stop":["a"],"temperature":0.5,"stream":true,"stream_options":{"include_usage":true}}""", CompletionReader.TryRead);

    private static void Mangle(string good, Answers.GenerationFormat.Reader tryRead)
    {
        // Whatever bytes arrive, reading must end in a call or in a refusal: a thrown exception would be a 500.
        byte[] seed = Encoding.UTF8.GetBytes(good);
        byte[] alphabet = "{}[]\",:\\udcba0123456789.-+eEtrufalsn \n\0é"u8.ToArray();
        var random = new Random(1);
        int calls = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] body = [.. seed];
            for (int change = random.Next(1, 6); change > 0; change--)
                body[random.Next(body.Length)] = alphabet[random.Next(alphabet.Length)];
            int length = random.Next(8) == 0 ? random.Next(body.Length) : body.Length;

            if (tryRead(body.AsMemory(0, length), out GenerationCall? call, out ApiError? error))
                calls++;
            else
                Assert.Equal(400, error.Status);
            Assert.Equal(call is null, error is not null);
        }

        Assert.InRange(calls, 1, 19_999);
    }
}
