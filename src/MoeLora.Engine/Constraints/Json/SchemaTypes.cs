using System.Text.Json;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>Reads a schema's <c>type</c> with the keywords that belong to it.</summary>
internal sealed class SchemaTypes(JsonExpressions json, Func<JsonElement, string, int, SchemaNode?> readSchema)
{
    private const int MostProperties = 512;

    private static readonly JsonElement[] Booleans = [JsonElement.Parse("true"), JsonElement.Parse("false")];
    private static readonly JsonElement[] NullOnly = [JsonElement.Parse("null")];

    /// <summary>The types there are.</summary>
    public static IReadOnlyList<string> Names { get; } = ["object", "array", "string", "integer", "number", "boolean", "null"];

    /// <summary>Whether a value is of a type.</summary>
    public static bool Fits(JsonElement value, string type) => value.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || (type == "integer" && value.TryGetDecimal(out decimal number) && decimal.IsInteger(number)),
        JsonValueKind.Null => type == "null",
        _ => type == "boolean",
    };

    /// <summary>Reads one type; null when something is wrong.</summary>
    public SchemaNode? Read(string type, SchemaFields fields, int depth) => type switch
    {
        "object" => ReadObject(fields, depth),
        "array" => ReadArray(fields, depth),
        "string" => ReadText(fields),
        "integer" => ReadNumber(fields, DecimalExpressions.LargestInteger, json.Decimals.Integer),
        "number" => ReadNumber(fields, DecimalExpressions.LargestWhole, json.Decimals.Number),
        "boolean" => new LiteralNode(json.OneOf(Booleans), Booleans),
        _ => new LiteralNode(json.OneOf(NullOnly), NullOnly),
    };

    private ObjectNode? ReadObject(SchemaFields fields, int depth)
    {
        bool closed = false;
        bool usable = true;
        if (fields.TryRead("additionalProperties", out JsonElement additional))
        {
            closed = additional.ValueKind == JsonValueKind.False;
            if (!closed)
                Refuse("additionalProperties", "can only be false: name every property");
        }

        HashSet<string> required = [];
        if (fields.TryRead("required", out JsonElement names))
        {
            if (names.ValueKind == JsonValueKind.Array && names.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String))
                required = [.. names.EnumerateArray().Select(name => name.GetString()!)];
            else
                Refuse("required", "must be a list of property names");
        }

        var properties = new List<SchemaProperty>();
        if (!fields.TryRead("properties", out JsonElement given))
        {
            if (!closed)
                Refuse("must list its properties, or say additionalProperties false for an empty object");
        }
        else if (given.ValueKind != JsonValueKind.Object || given.GetPropertyCount() > MostProperties)
        {
            Refuse("properties", $"must be an object of at most {MostProperties} schemas");
            return null;
        }
        else
        {
            foreach (JsonProperty property in given.EnumerateObject())
            {
                if (readSchema(property.Value, $"{fields.Pointer}/properties/{SchemaFields.Escape(property.Name)}", depth + 1) is { } value)
                    properties.Add(new SchemaProperty(property.Name, value, required.Contains(property.Name)));
                else
                    usable = false;
                required.Remove(property.Name);
            }
        }

        if (required.Count > 0)
            Refuse("required", "names a property that properties does not list");
        return usable
            ? new ObjectNode(json.Object([.. properties.Select(property => (property.Name, property.Value.Expression, property.Required))]), properties, closed)
            : null;

        void Refuse(string keywordOrReason, string? reason = null)
        {
            usable = false;
            if (reason is null)
                fields.Refuse(keywordOrReason);
            else
                fields.Refuse(keywordOrReason, reason);
        }
    }

    private ArrayNode? ReadArray(SchemaFields fields, int depth)
    {
        int? least = fields.ReadCount("minItems", 0);
        int? most = fields.ReadCount("maxItems", RepeatExpression.Unbounded);
        SchemaNode? item = null;
        if (fields.TryRead("items", out JsonElement items))
        {
            item = readSchema(items, $"{fields.Pointer}/items", depth + 1);
            if (item is null)
                return null;
        }
        else if (most > 0)
        {
            fields.Refuse("must say by items what its items are");
            return null;
        }

        if (!InOrder(fields, least, most, "minItems", "maxItems"))
            return null;
        ByteExpression expression = json.Array(item?.Expression!, least!.Value, most!.Value);
        return new ArrayNode(expression, item, least.Value, most.Value);
    }

    private TextNode? ReadText(SchemaFields fields)
    {
        if (fields.TryRead("pattern", out JsonElement pattern))
        {
            if (fields.TryRead("minLength", out _) | fields.TryRead("maxLength", out _))
            {
                fields.Refuse("pattern", "cannot be combined with minLength or maxLength: say the length in the pattern");
                return null;
            }

            if (pattern.ValueKind != JsonValueKind.String)
            {
                fields.Refuse("pattern", "must be a text");
                return null;
            }

            var reader = new PatternReader(json, pattern.GetString()!);
            if (reader.Read() is { } content)
                return new TextNode(json.Text(content), reader.Size, 0, RepeatExpression.Unbounded);
            fields.Refuse("pattern", reader.Problem!);
            return null;
        }

        int? least = fields.ReadCount("minLength", 0);
        int? most = fields.ReadCount("maxLength", RepeatExpression.Unbounded);
        return InOrder(fields, least, most, "minLength", "maxLength")
            ? new TextNode(json.Text(least!.Value, most!.Value), 1, least.Value, most.Value)
            : null;
    }

    private static NumberNode? ReadNumber(SchemaFields fields, long limit, Func<long, long, ByteExpression> expression)
    {
        long? least = fields.ReadBound("minimum", -limit, limit);
        long? largest = fields.ReadBound("maximum", limit, limit);
        return InOrder(fields, least, largest, "minimum", "maximum")
            ? new NumberNode(expression(least!.Value, largest!.Value), least.Value, largest.Value)
            : null;
    }

    private static bool InOrder(SchemaFields fields, long? least, long? most, string leastKeyword, string mostKeyword)
    {
        if (least is null || most is null)
            return false;
        if (least <= most)
            return true;
        fields.Refuse(leastKeyword, $"is above {mostKeyword}: nothing is valid");
        return false;
    }
}
