using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Catalog;
using MoeLora.Gateway.Chat;
using MoeLora.Gateway.Completions;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Health;

namespace MoeLora.Gateway.Http;

/// <summary>
/// Every answer's JSON, generated at build time. Other scripts than Latin are sent as they are instead of as escapes, half the
/// bytes for Chinese text; nothing here is ever put into HTML.
/// </summary>
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(ChatResponse))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(AnswerUsage))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class GatewayJson : JsonSerializerContext
{
    public static GatewayJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
