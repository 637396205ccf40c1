using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace MoeLora.Deploy.Tests;

/// <summary>YAML as plain values: maps, lists, texts, <c>long</c>, <c>double</c>, <c>bool</c> and null. Aliases and merge keys are resolved; a key that is there twice is refused.</summary>
internal static class YamlTree
{
    // Kubernetes' and compose's readers take these for truth values, others for texts.
    private static readonly HashSet<string> Ambiguous = new(["yes", "no", "on", "off", "y", "n"], StringComparer.OrdinalIgnoreCase);

    /// <summary>All documents that are not empty.</summary>
    /// <exception cref="YamlException">It is no YAML.</exception>
    public static List<object?> Documents(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(document => Value(document.RootNode)).Where(value => value is not null)];
    }

    /// <summary>The only document, a map.</summary>
    public static Dictionary<string, object?> Map(string text) => (Dictionary<string, object?>)Documents(text).Single()!;

    /// <summary>What lies at a path of keys and, in lists, of <c>name</c>s or positions; null where nothing does.</summary>
    public static object? At(this object? value, params string[] path)
    {
        foreach (string key in path)
        {
            value = value switch
            {
                Dictionary<string, object?> map => map.GetValueOrDefault(key),
                List<object?> list when int.TryParse(key, out int index) => index < list.Count ? list[index] : null,
                List<object?> list => list.OfType<Dictionary<string, object?>>().FirstOrDefault(item => item.GetValueOrDefault("name") as string == key),
                _ => null,
            };
        }

        return value;
    }

    public static string? Text(this object? value, params string[] path) => value.At(path) as string;

    public static List<object?> List(this object? value, params string[] path) => value.At(path) as List<object?> ?? [];

    public static Dictionary<string, object?> Map(this object? value, params string[] path) => value.At(path) as Dictionary<string, object?> ?? [];

    private static object? Value(YamlNode node) => node switch
    {
        YamlMappingNode map => Mapping(map),
        YamlSequenceNode list => list.Children.Select(Value).ToList(),
        YamlScalarNode scalar => Scalar(scalar),
        _ => throw new YamlException(node.Start, node.End, "This kind of node is not understood."),
    };

    private static Dictionary<string, object?> Mapping(YamlMappingNode map)
    {
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            if (key is YamlScalarNode { Value: "<<" })
            {
                foreach ((string name, object? merged) in (Dictionary<string, object?>)Value(value)!)
                    members.TryAdd(name, merged);
            }
        }

        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            if (key is YamlScalarNode { Value: { } name } && name != "<<")
                members[name] = Value(value);
        }

        return members;
    }

    private static object? Scalar(YamlScalarNode scalar)
    {
        string text = scalar.Value ?? "";
        if (scalar.Style != ScalarStyle.Plain)
            return text;
        if (Ambiguous.Contains(text))
            throw new YamlException(scalar.Start, scalar.End, $"'{text}' is a truth value to some readers and a text to others: quote it.");
        return text switch
        {
            "" or "null" or "~" => null,
            "true" => true,
            "false" => false,
            _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => whole,
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && char.IsAsciiDigit(text[^1]) => number,
            _ => text,
        };
    }
}
