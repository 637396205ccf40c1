using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MoeLora.Cli.Nodes;

/// <summary>
/// Reads a node's configuration: YAML, or JSON, which is YAML. Strict: a key that is not known is refused, never ignored. Values may hold
/// <see cref="ConfigurationReferences"/>.
/// </summary>
internal static class NodeFile
{
    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };

    /// <summary>What a file says.</summary>
    /// <exception cref="CommandException">It cannot be read, or says something that is not understood.</exception>
    public static NodeSettings Read(string path) => Read<NodeSettings>(path);

    /// <summary>What a file says that says more than a node's.</summary>
    /// <exception cref="CommandException">It cannot be read, or says something that is not understood.</exception>
    public static T Read<T>(string path)
        where T : NodeSettings
    {
        JsonNode? root;
        try
        {
            root = Parse(File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)));
        }
        catch (YamlException e)
        {
            string problem = e.InnerException is FormatException reference ? reference.Message : $"neither YAML nor JSON: {e.Message}";
            throw new CommandException($"{path}:{e.Start.Line}: {problem}");
        }
        catch (DecoderFallbackException)
        {
            throw new CommandException($"{path}: it is not UTF-8; save it as UTF-8.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new CommandException($"{path}: it cannot be read: {e.Message}");
        }

        try
        {
            return root.Deserialize<T>(Strict) ?? throw new CommandException($"{path}: it is empty.");
        }
        catch (JsonException e)
        {
            throw new CommandException($"{path}: {Explain(e)}");
        }
    }

    // The serializer's messages name our types; a user knows the key only.
    private static string Explain(JsonException e)
    {
        string place = e.Path is null or "$" ? "the configuration" : e.Path[2..];
        if (e.Message.Contains("could not be mapped", StringComparison.Ordinal))
            return $"{place} is not known.";
        return e.Message.Contains("missing required properties", StringComparison.Ordinal)
            ? $"{place} lacks {e.Message[(e.Message.LastIndexOf(':') + 1)..].Trim().TrimEnd('.')}."
            : $"{place} has a value of the wrong kind.";
    }

    private static JsonNode? Parse(string text)
    {
        var parser = new Parser(new StringReader(text));
        parser.Consume<StreamStart>();
        return parser.TryConsume<DocumentStart>(out _) ? Value(parser) : null;
    }

    private static JsonNode? Value(Parser parser)
    {
        if (parser.TryConsume<Scalar>(out Scalar? scalar))
            return Value(scalar);
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var list = new JsonArray();
            while (!parser.TryConsume<SequenceEnd>(out _))
                list.Add(Value(parser));
            return list;
        }

        if (!parser.TryConsume<MappingStart>(out _))
            throw new YamlException(parser.Current!.Start, parser.Current.End, "aliases and anchors are not taken.");
        var members = new JsonObject();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            Scalar key = parser.Consume<Scalar>();
            JsonNode? value = Value(parser);
            if (!members.TryAdd(key.Value, value))
                throw new YamlException(key.Start, key.End, $"'{key.Value}' is there twice.");
        }

        return members;
    }

    private static JsonNode? Value(Scalar scalar)
    {
        string text;
        try
        {
            text = ConfigurationReferences.Resolve(scalar.Value);
        }
        catch (FormatException e)
        {
            throw new YamlException(scalar.Start, scalar.End, e.Message, e);
        }

        // What a reference stands for is text, whatever it looks like.
        if (scalar.Style != ScalarStyle.Plain || text != scalar.Value)
            return JsonValue.Create(text);
        return scalar.Value switch
        {
            "" or "null" or "~" => null,
            "true" => JsonValue.Create(true),
            "false" => JsonValue.Create(false),
            _ when long.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => JsonValue.Create(whole),
            _ when double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => JsonValue.Create(number),
            _ => JsonValue.Create(scalar.Value),
        };
    }
}
