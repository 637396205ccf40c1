using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoeLora.Cli.Terminals;

/// <summary>The results of <c>--json</c>: one object on one line, members in snake case.</summary>
internal static class JsonResult
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Writes the object.</summary>
    public static void WriteJson<T>(this Terminal terminal, T result) => terminal.Out.WriteLine(JsonSerializer.Serialize(result, Format));
}
