using System.Text.Json.Nodes;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>Makes schemas of the supported subset at random, nested up to four deep.</summary>
internal sealed class RandomSchema(Random random)
{
    private static readonly string[] Names = ["name", "na", "a", "ab", "value", "诊断", "with \"quotes\"", "back\\slash", "line\nend", "😀", "/", "~", ""];
    private static readonly string[] Patterns = ["^\\d{4}-\\d{2}-\\d{2}$", "^[a-z]+(?:_[a-z0-9]+)*$", "^(yes|no|\"maybe\")?$", "^[^a-z\"]{2,5}$", "^.{1,3}$", "^[\\u4e00-龥]{2}$".Replace("\\u4e00", "一", StringComparison.Ordinal)];

    private readonly JsonObject _definitions = [];

    public string Make()
    {
        JsonObject root = Schema(0);
        if (_definitions.Count > 0)
            root["$defs"] = _definitions;
        return root.ToJsonString();
    }

    private JsonObject Schema(int depth)
    {
        JsonObject schema = random.Next(depth >= 3 ? 7 : 12) switch
        {
            0 => Bounded("integer"),
            1 => Bounded("number"),
            2 => Text(),
            3 => new JsonObject { ["type"] = "string", ["pattern"] = Patterns[random.Next(Patterns.Length)] },
            4 => new JsonObject { ["type"] = random.Next(2) == 0 ? "boolean" : "null" },
            5 => random.Next(2) == 0 ? new JsonObject { ["const"] = Value(2) } : new JsonObject { ["enum"] = Many(1, 5, () => Value(1)) },
            6 => new JsonObject { ["type"] = new JsonArray("string", "null", "integer") },
            7 => new JsonObject { ["anyOf"] = Many(1, 4, () => Schema(depth + 1)) },
            8 => Array(depth),
            9 => Reference(depth),
            10 => Tagged(depth),
            _ => Object(depth),
        };
        if (random.Next(8) == 0)
            schema["description"] = "says nothing";
        return schema;
    }

    private JsonObject Bounded(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        long low = random.Next(-2000, 2000) / (random.Next(2) == 0 ? 1 : 100);
        if (random.Next(2) == 0)
            schema["minimum"] = low;
        if (random.Next(2) == 0)
            schema["maximum"] = low + random.Next(0, 500);
        return schema;
    }

    private JsonObject Text()
    {
        var schema = new JsonObject { ["type"] = "string" };
        int least = random.Next(2) == 0 ? random.Next(0, 12) : 0;
        if (least > 0)
            schema["minLength"] = least;
        if (random.Next(2) == 0)
            schema["maxLength"] = least + random.Next(0, 40);
        return schema;
    }

    private JsonObject Array(int depth)
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = Schema(depth + 1) };
        int least = random.Next(0, 3);
        if (least > 0)
            schema["minItems"] = least;
        if (random.Next(3) > 0)
            schema["maxItems"] = least + random.Next(0, 3);
        return schema;
    }

    private JsonObject Object(int depth)
    {
        var properties = new JsonObject();
        foreach (string name in Names.OrderBy(_ => random.Next()).Take(random.Next(0, 5)))
            properties[name] = Schema(depth + 1);
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray([.. properties.Where(_ => random.Next(2) == 0).Select(property => (JsonNode)property.Key)]),
        };
        if (random.Next(3) > 0)
            schema["additionalProperties"] = false;
        return schema;
    }

    /// <summary>Alternatives that a required property tells apart.</summary>
    private JsonObject Tagged(int depth)
    {
        int next = 0;
        return new JsonObject
        {
            ["oneOf"] = Many(1, 3, () => new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["kind"] = new JsonObject { ["const"] = $"k{next++}" }, ["value"] = Schema(depth + 1) },
                ["required"] = new JsonArray("kind"),
            }),
        };
    }

    private JsonObject Reference(int depth)
    {
        string name = $"d{_definitions.Count}";
        _definitions[name] = null;
        _definitions[name] = Schema(depth + 1);
        return new JsonObject { ["$ref"] = $"#/$defs/{name}" };
    }

    private JsonNode? Value(int depth) => random.Next(depth > 0 ? 8 : 6) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => random.Next(-50, 50),
        3 => random.Next(-50, 50) / 4.0,
        4 or 5 => Names[random.Next(Names.Length)],
        6 => Many(0, 3, () => Value(depth - 1)),
        _ => new JsonObject { [Names[random.Next(Names.Length)]] = Value(depth - 1) },
    };

    private JsonArray Many(int least, int most, Func<JsonNode?> make) => [.. Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => make())];
}
