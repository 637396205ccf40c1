using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace MoeLora.Gateway.Http;

/// <summary>
/// Strings out of JSON that is valid but may spell half of a surrogate pair (<c>"\ud800"</c>), which no .NET string should hold and
/// which the reader reports by an exception.
/// </summary>
internal static class JsonText
{
    public static bool TryGet(JsonElement element, [NotNullWhen(true)] out string? text)
    {
        try
        {
            text = element.GetString();
            return text is not null;
        }
        catch (InvalidOperationException)
        {
            text = null;
            return false;
        }
    }

    public static bool TryGetName(JsonProperty property, [NotNullWhen(true)] out string? name)
    {
        try
        {
            name = property.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = null;
            return false;
        }
    }

    /// <summary>Whether a value is exactly this text.</summary>
    public static bool Is(JsonElement value, string expected) => value.ValueKind == JsonValueKind.String && TryGet(value, out string? text) && text == expected;

    /// <summary>Whether every text and every name inside a value can be read.</summary>
    public static bool IsText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => TryGet(value, out _),
        JsonValueKind.Array => value.EnumerateArray().All(IsText),
        JsonValueKind.Object => value.EnumerateObject().All(member => TryGetName(member, out _) && IsText(member.Value)),
        _ => true,
    };
}
