using System.Net;
using System.Text;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Chat;
using MoeLora.Gateway.Errors;

namespace MoeLora.Gateway.Tests;

public sealed class ChatTests
{
    [Fact]
    public async Task Chat_HasOpenAIsShapeAndProvenance()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("头", [11]), new TokenChunk("ache", [12]), FakeGrid.Finished(FinishReason.Length, 3, 2));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.ChatAsync("""{"model":"医学-triage","messages":[{"role":"user","content":"q"}]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement root = await GatewayHost.JsonAsync(response);
        Assert.Equal($"chatcmpl-{response.Headers.GetValues("x-request-id").Single()}", root.GetProperty("id").GetString());
        Assert.True(int.Parse(response.Headers.GetValues("openai-processing-ms").Single()) >= 0);
        Assert.Equal("chat.completion", root.GetProperty("object").GetString());
        Assert.Equal(
            """[{"index":0,"message":{"content":"头ache","role":"assistant","refusal":null},"logprobs":null,"finish_reason":"length"}]""",
            root.GetProperty("choices").GetRawText());
        Assert.Equal("""{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}""", root.GetProperty("usage").GetRawText());
        Assert.Equal(("triage", "1", "node-1"),
            (root.GetProperty("provenance").GetProperty("bank").GetString(), root.GetProperty("provenance").GetProperty("version").GetString(), root.GetProperty("provenance").GetProperty("node").GetString()));
    }

    [Fact]
    public async Task Chat_OfEachRoleAndKindOfContent_PassesThemOn()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        await host.ChatAsync(
            """
            {"model":"3","messages":[{"role":"system","content":"s"},{"content":"d","role":"developer"},{"role":"user","content":[{"type":"text","text":"a"},{"text":"b","type":"text"}]},
             {"role":"assistant","content":"r","refusal":null,"annotations":[],"tool_calls":null,"audio":null},{"role":"user","content":""}]}
            """);

        ChatMessage[] expected = [new(ChatRole.System, "s"), new(ChatRole.System, "d"), new(ChatRole.User, "ab"), new(ChatRole.Assistant, "r"), new(ChatRole.User, "")];
        Assert.Equal(expected, Assert.IsType<ChatPrompt>(grid.LastRequest!.Prompt).Messages);
    }

    [Theory]
    [InlineData("", int.MaxValue, true)]
    [InlineData(""","max_tokens":5""", 5, false)]
    [InlineData(""","max_completion_tokens":6""", 6, false)]
    [InlineData(""","max_completion_tokens":6,"max_tokens":6""", 6, false)]
    public async Task Chat_WithoutAMost_TakesWhatTheContextLeaves(string limit, int expected, bool trimmed)
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        await host.ChatAsync($$"""{"model":"3","messages":[{"role":"user","content":"q"}]{{limit}}}""");

        Assert.Equal((expected, trimmed), (grid.LastRequest!.MaxTokens, grid.LastRequest.TrimToContext));
    }

    [Fact]
    public async Task Chat_WithLogProbs_HasThemForEachToken()
    {
        TokenLogProb a = new(5, "a"u8.ToArray(), -0.5), b = new(6, new byte[] { 0xE7 }, -1), end = new(7, default, -2);
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("a", [5, 7]) { LogProbs = [new(a, [a, b]), new(end, [])] }, FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        JsonElement root = await GatewayHost.JsonAsync(await host.ChatAsync("""{"model":"3","messages":[{"role":"user","content":"q"}],"logprobs":true,"top_logprobs":2}"""));

        Assert.Equal(2, grid.LastRequest!.TopLogProbs);
        Assert.Equal(
            """{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":[97]},{"token":"bytes:\\xe7","logprob":-1,"bytes":[231]}]},{"token":"token_id:7","logprob":-2,"bytes":null,"top_logprobs":[]}],"refusal":null}""",
            root.GetProperty("choices")[0].GetProperty("logprobs").GetRawText());
    }

    [Fact]
    public async Task Stream_OfSeveralAnswers_BeginsEachWithItsRoleAndEndsWithUsage()
    {
        FakeGrid grid = new FakeGrid().Answers(
            new TokenChunk("a", [1]), new TokenChunk("", [2]), new TokenChunk("x", [3], 1),
            new GenerationFinished([FinishReason.Stop, FinishReason.Length, FinishReason.Stop], new TokenUsage(1, 3), default, FakeGrid.Provenance));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.ChatAsync(
            """{"model":"3","messages":[{"role":"user","content":"q"}],"n":3,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}""");

        List<string> events = CompletionStreamTests.Events(await response.Content.ReadAsStringAsync());
        JsonElement[] chunks = [.. events.SkipLast(1).Select(item => JsonDocument.Parse(item).RootElement)];
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.Equal(
            [
                """[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]""",
                """[{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}]""",
                """[{"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]""",
                """[{"index":1,"delta":{"content":"x"},"logprobs":null,"finish_reason":null}]""",
                """[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]""",
                """[{"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}]""",
                """[{"index":2,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]""",
                """[{"index":2,"delta":{},"logprobs":null,"finish_reason":"stop"}]""",
                "[]",
            ],
            chunks.Select(chunk => chunk.GetProperty("choices").GetRawText()));
        Assert.All(chunks.SkipLast(1), chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.Equal(4, chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal("1", chunks[^1].GetProperty("provenance").GetProperty("version").GetString());
        Assert.Equal("[DONE]", events[^1]);
    }

    [Theory]
    [InlineData("messages", "null", "missing_required_parameter", "messages")]
    [InlineData("messages", "{}", "invalid_type", "messages")]
    [InlineData("messages", "[]", "invalid_value", "messages")]
    [InlineData("messages", "[5]", "invalid_type", "messages[0]")]
    [InlineData("messages", """[{"content":"a"}]""", "missing_required_parameter", "messages[0].role")]
    [InlineData("messages", """[{"role":"user"}]""", "missing_required_parameter", "messages[0].content")]
    [InlineData("messages", """[{"role":"user","content":null}]""", "missing_required_parameter", "messages[0].content")]
    [InlineData("messages", """[{"role":"user","content":5}]""", "invalid_type", "messages[0].content")]
    [InlineData("messages", """[{"role":"user","content":[]}]""", "invalid_value", "messages[0].content")]
    [InlineData("messages", """[{"role":"user","content":["a"]}]""", "invalid_type", "messages[0].content[0]")]
    [InlineData("messages", """[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}]""", "unsupported_parameter", "messages[0].content[1].type")]
    [InlineData("messages", """[{"role":"user","content":[{"text":"a"}]}]""", "missing_required_parameter", "messages[0].content[0].type")]
    [InlineData("messages", """[{"role":"user","content":[{"type":"text"}]}]""", "missing_required_parameter", "messages[0].content[0].text")]
    [InlineData("messages", """[{"role":"user","content":[{"type":"text","text":"a","x":1}]}]""", "unknown_parameter", "messages[0].content[0].x")]
    [InlineData("messages", """[{"role":"user","content":"\ud800"}]""", "invalid_value", "messages[0].content")]
    [InlineData("messages", """[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]""", "invalid_value", "messages")]
    [InlineData("messages", """[{"role":"robot","content":"a"}]""", "invalid_value", "messages[0].role")]
    [InlineData("messages", """[{"role":"tool","content":"a"}]""", "unsupported_parameter", "messages[0].role")]
    [InlineData("messages", """[{"role":"user","content":"a","name":5}]""", "invalid_type", "messages[0].name")]
    [InlineData("messages", """[{"role":"user","content":"a","x":1}]""", "unknown_parameter", "messages[0].x")]
    [InlineData("tools", """[{"type":"function"}]""", "unsupported_parameter", "tools")]
    [InlineData("tool_choice", "\"auto\"", "unsupported_parameter", "tool_choice")]
    [InlineData("functions", "[{}]", "unsupported_parameter", "functions")]
    [InlineData("function_call", "\"auto\"", "unsupported_parameter", "function_call")]
    [InlineData("audio", "{}", "unsupported_parameter", "audio")]
    [InlineData("modalities", """["text","audio"]""", "unsupported_parameter", "modalities")]
    [InlineData("prediction", "{}", "unsupported_parameter", "prediction")]
    [InlineData("reasoning_effort", "\"low\"", "unsupported_parameter", "reasoning_effort")]
    [InlineData("web_search_options", "{}", "unsupported_parameter", "web_search_options")]
    [InlineData("store", "1", "invalid_type", "store")]
    [InlineData("metadata", "[]", "invalid_type", "metadata")]
    [InlineData("service_tier", "\"flex\"", "unsupported_parameter", "service_tier")]
    [InlineData("logit_bias", """{"5":1}""", "unsupported_parameter", "logit_bias")]
    [InlineData("logprobs", "1", "invalid_type", "logprobs")]
    [InlineData("top_logprobs", "2", "invalid_value", "top_logprobs")]
    [InlineData("max_completion_tokens", "0", "invalid_value", "max_completion_tokens")]
    [InlineData("max_tokens", "0", "invalid_value", "max_tokens")]
    [InlineData("prompt", "\"p\"", "unknown_parameter", "prompt")]
    [InlineData("echo", "false", "unknown_parameter", "echo")]
    public void Parameter_ThatIsWrong_IsRefusedByName(string name, string value, string code, string param)
    {
        string messages = name == "messages" ? "" : ""","messages":[{"role":"user","content":"q"}]""";
        byte[] body = Encoding.UTF8.GetBytes($$"""{"model":"3","{{name}}":{{value}}{{messages}}}""");

        Assert.False(ChatReader.TryRead(body, out _, out ApiError? error));

        Assert.Equal((400, code, param), (error.Status, error.Code, error.Param));
        Assert.StartsWith($"'{param}' ", error.Message);
        Assert.Equal(1, error.Message.Count(letter => letter == '.') - param.Count(letter => letter == '.')); // one problem, said once
    }

    [Fact]
    public void Parameters_ThatMeanNothingHere_AreTaken()
    {
        byte[] body = """{"model":"3","messages":[{"role":"user","content":"q","name":"n"}],"store":true,"metadata":{"a":"b"},"logit_bias":{}}"""u8.ToArray();

        Assert.True(ChatReader.TryRead(body, out _, out ApiError? error), error?.Message);
    }

    [Fact]
    public void Limits_ThatDiffer_AreRefused()
    {
        byte[] body = """{"model":"3","messages":[{"role":"user","content":"q"}],"max_tokens":5,"max_completion_tokens":6}"""u8.ToArray();

        Assert.False(ChatReader.TryRead(body, out _, out ApiError? error));

        Assert.Equal("max_tokens", error.Param);
    }
}
