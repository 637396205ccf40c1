using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Charts;

/// <summary>The functions of Helm, Sprig and Go's templates that the chart uses, with their meaning.</summary>
internal static class TemplateFunctions
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Calls one.</summary>
    /// <exception cref="ChartException">The chart refuses its values.</exception>
    public static object? Call(string name, object?[] arguments) => (name, arguments) switch
    {
        ("default", [var other, var value]) => IsTrue(value) ? value : other,
        ("required", [string message, var value]) => value is null or "" ? throw new ChartException(message) : value,
        ("fail", [string message]) => throw new ChartException(message),
        ("eq", [var left, var right]) => Print(left) == Print(right),
        ("not", [var value]) => !IsTrue(value),
        ("and", [.. var values]) => values.FirstOrDefault(value => !IsTrue(value), values[^1]),
        ("or", [.. var values]) => values.FirstOrDefault(IsTrue, values[^1]),
        ("quote", [var value]) => JsonSerializer.Serialize(Print(value), Json),
        ("lower", [string text]) => text.ToLowerInvariant(),
        ("trunc", [long length, string text]) => text[..Math.Min((int)length, text.Length)],
        ("trimSuffix", [string suffix, string text]) => text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text,
        ("nindent", [long spaces, string text]) => "\n" + Indent((int)spaces, text),
        ("printf", [string format, .. var values]) => Format(format, values),
        ("add", [.. var values]) => values.Sum(value => Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        ("sha256sum", [string text]) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))),
        ("list", [.. var values]) => values.ToList(),
        ("dict", [.. var pairs]) => pairs.Chunk(2).ToDictionary(pair => (string)pair[0]!, pair => pair[1]),
        ("omit", [Dictionary<string, object?> map, .. var keys]) => map.Where(pair => !keys.Contains(pair.Key)).ToDictionary(pair => pair.Key, pair => pair.Value),
        ("deepCopy", [Dictionary<string, object?> map]) => Copy(map),
        ("mergeOverwrite", [Dictionary<string, object?> target, Dictionary<string, object?> source]) => MergeOverwrite(target, source),
        ("toJson", [var value]) => JsonSerializer.Serialize(Sorted(value), Json),
        ("toYaml", [var value]) => YamlText.Write(value),
        ("fromYaml", [string text]) => YamlTree.Map(text),
        _ => throw new FormatException($"The function {name} with {arguments.Length} arguments ({string.Join(", ", arguments.Select(argument => argument?.GetType().Name ?? "nil"))}) is none that the chart may use."),
    };

    /// <summary>Whether Go's templates take a value for true.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or false or "" or 0L or 0d => false,
        List<object?> list => list.Count > 0,
        Dictionary<string, object?> map => map.Count > 0,
        _ => true,
    };

    /// <summary>How a value is written into the text.</summary>
    public static string Print(object? value) => value switch
    {
        null => "", // Helm takes Go's words for it away
        bool truth => truth ? "true" : "false",
        string text => text,
        // Helm's numbers are floating point: a million would be written 1e+06.
        long number when Math.Abs(number) < 1_000_000 => number.ToString(CultureInfo.InvariantCulture),
        _ => throw new FormatException($"A {value.GetType().Name} ({value}) is written into the text; use toYaml for lists, maps and large or broken numbers."),
    };

    /// <summary>Values over others as Helm lays a user's over the chart's: maps are joined, null takes away.</summary>
    public static Dictionary<string, object?> Overlay(Dictionary<string, object?> under, Dictionary<string, object?> over)
    {
        Dictionary<string, object?> result = Copy(under);
        foreach ((string key, object? value) in over)
        {
            if (value is null)
                result.Remove(key);
            else
                result[key] = value is Dictionary<string, object?> map && result.GetValueOrDefault(key) is Dictionary<string, object?> present ? Overlay(present, map) : value;
        }

        return result;
    }

    // Sprig's: as above, but an empty value is taken for an absent one.
    private static Dictionary<string, object?> MergeOverwrite(Dictionary<string, object?> target, Dictionary<string, object?> source)
    {
        foreach ((string key, object? value) in source)
        {
            if (value is Dictionary<string, object?> map && target.GetValueOrDefault(key) is Dictionary<string, object?> present)
                MergeOverwrite(present, map);
            else if (IsTrue(value) || !target.ContainsKey(key))
                target[key] = value;
        }

        return target;
    }

    private static Dictionary<string, object?> Copy(Dictionary<string, object?> map) =>
        map.ToDictionary(pair => pair.Key, pair => pair.Value is Dictionary<string, object?> inner ? Copy(inner) : pair.Value);

    private static object? Sorted(object? value) => value switch
    {
        Dictionary<string, object?> map => new SortedDictionary<string, object?>(map.ToDictionary(pair => pair.Key, pair => Sorted(pair.Value)), StringComparer.Ordinal),
        List<object?> list => list.Select(Sorted).ToList(),
        _ => value,
    };

    private static string Indent(int spaces, string text) => string.Join('\n', text.Split('\n').Select(line => new string(' ', spaces) + line));

    private static string Format(string format, object?[] values)
    {
        var left = new Queue<object?>(values);
        string text = Regex.Replace(format, "%(.)", match => match.Groups[1].Value == "s" ? (string)left.Dequeue()! : throw new FormatException($"printf: '{match.Value}' is not used by the chart."));
        return left.Count == 0 ? text : throw new FormatException($"printf: '{format}' has arguments left.");
    }
}
