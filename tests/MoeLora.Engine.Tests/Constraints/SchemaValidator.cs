using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>
/// Whether a value is valid under a schema, by the words of the JSON Schema specification (2020-12) and nothing of the code under test.
/// A keyword that it does not know is an error.
/// </summary>
internal static class SchemaValidator
{
    public static bool IsValid(JsonElement root, string answer)
    {
        using JsonDocument value = JsonDocument.Parse(answer);
        return IsValid(root, root, value.RootElement);
    }

    private static bool IsValid(JsonElement root, JsonElement schema, JsonElement value) =>
        schema.EnumerateObject().All(keyword => Holds(root, schema, keyword.Name, keyword.Value, value));

    private static bool Holds(JsonElement root, JsonElement schema, string keyword, JsonElement given, JsonElement value)
    {
        JsonValueKind kind = value.ValueKind;
        return keyword switch
        {
            "$defs" or "title" or "description" => true,
            "$ref" => IsValid(root, root.GetProperty("$defs").GetProperty(given.GetString()!.Split('/')[^1]), value),
            "anyOf" => given.EnumerateArray().Any(branch => IsValid(root, branch, value)),
            "oneOf" => given.EnumerateArray().Count(branch => IsValid(root, branch, value)) == 1,
            "enum" => given.EnumerateArray().Any(other => JsonElement.DeepEquals(other, value)),
            "const" => JsonElement.DeepEquals(given, value),
            "type" => given.ValueKind == JsonValueKind.Array ? given.EnumerateArray().Any(type => IsOf(type.GetString()!, value)) : IsOf(given.GetString()!, value),
            "minLength" => kind != JsonValueKind.String || Length(value) >= given.GetInt32(),
            "maxLength" => kind != JsonValueKind.String || Length(value) <= given.GetInt32(),
            "pattern" => kind != JsonValueKind.String || Regex.IsMatch(value.GetString()!, given.GetString()!, RegexOptions.ECMAScript),
            "minimum" => kind != JsonValueKind.Number || value.GetDecimal() >= given.GetDecimal(),
            "maximum" => kind != JsonValueKind.Number || value.GetDecimal() <= given.GetDecimal(),
            "minItems" => kind != JsonValueKind.Array || value.GetArrayLength() >= given.GetInt32(),
            "maxItems" => kind != JsonValueKind.Array || value.GetArrayLength() <= given.GetInt32(),
            "items" => kind != JsonValueKind.Array || value.EnumerateArray().All(item => IsValid(root, given, item)),
            "required" => kind != JsonValueKind.Object || given.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)),
            "properties" => kind != JsonValueKind.Object || value.EnumerateObject().All(property => !given.TryGetProperty(property.Name, out JsonElement inner) || IsValid(root, inner, property.Value)),
            "additionalProperties" => kind != JsonValueKind.Object || value.EnumerateObject().All(property => schema.TryGetProperty("properties", out JsonElement known) && known.TryGetProperty(property.Name, out _)),
            _ => throw new NotSupportedException(keyword),
        };
    }

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && decimal.IsInteger(decimal.Parse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture)),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        _ => value.ValueKind == JsonValueKind.Null,
    };

    private static int Length(JsonElement text) => text.GetString()!.EnumerateRunes().Count();
}
