using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Models;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Cli.Hosting;

/// <summary>A request that a model answers, for the line that <c>serve</c> prints.</summary>
internal static class SamplePrompt
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body of a completion request: text where the model has a tokenizer, otherwise token ids that it accepts.</summary>
    public static JsonObject Body(string modelDirectory, string task)
    {
        var body = new JsonObject { ["model"] = task };
        if (TokenizerReader.Read(modelDirectory).HasTokenizer)
        {
            body["prompt"] = "Hello";
        }
        else
        {
            body["prompt"] = new JsonArray([.. TokenIds(ModelConfigReader.Read(modelDirectory)).Select(id => JsonValue.Create(id))]);
            body["return_token_ids"] = true;
        }

        body["max_tokens"] = 16;
        body["temperature"] = 0;
        return body;
    }

    /// <summary>A command line that sends a body, to be copied into a shell.</summary>
    public static string Curl(string address, JsonObject body, string? key = null) =>
        $"curl -s {address}/v1/completions{(key is null ? "" : $" -H 'Authorization: Bearer {key}'")} -H 'Content-Type: application/json' -d '{body.ToJsonString(Readable).Replace("'", @"'\''")}'";

    private static int[] TokenIds(ModelConfig config) => config switch
    {
        ChatGlmConfig chatGlm => [5, 6, chatGlm.GMaskTokenId, chatGlm.StartTokenId],
        { BeginTokenId: { } begin } => [begin, 5, 6],
        _ => [5, 6, 7],
    };
}
