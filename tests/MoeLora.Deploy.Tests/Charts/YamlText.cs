using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Charts;

/// <summary>Values as YAML with sorted keys, as Helm's <c>toYaml</c> means them; texts are quoted more often than there.</summary>
internal static partial class YamlText
{
    [GeneratedRegex("^[A-Za-z/][A-Za-z0-9_./-]*$")]
    private static partial Regex Plain { get; }

    public static string Write(object? value)
    {
        var text = new StringBuilder();
        Write(text, value, 0, inline: false);
        return text.ToString().TrimEnd('\n');
    }

    private static void Write(StringBuilder text, object? value, int depth, bool inline)
    {
        switch (value)
        {
            case Dictionary<string, object?> { Count: > 0 } map:
                bool first = inline;
                foreach ((string key, object? member) in map.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    text.Append(first ? "" : new string(' ', depth)).Append(Scalar(key)).Append(':');
                    first = false;
                    Member(text, member, depth, member is List<object?> ? 0 : 2);
                }

                break;
            case List<object?> { Count: > 0 } list:
                foreach (object? item in list)
                {
                    text.Append(' ', depth).Append("- ");
                    if (item is List<object?> { Count: > 0 })
                        throw new FormatException("The chart has no lists of lists.");
                    Write(text, item, depth + 2, inline: true);
                }

                break;
            default:
                text.Append(Scalar(value)).Append('\n');
                break;
        }
    }

    private static void Member(StringBuilder text, object? member, int depth, int deeper)
    {
        bool block = member is Dictionary<string, object?> { Count: > 0 } or List<object?> { Count: > 0 };
        text.Append(block ? '\n' : ' ');
        Write(text, member, depth + deeper, inline: false);
    }

    private static string Scalar(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        Dictionary<string, object?> => "{}",
        List<object?> => "[]",
        string text when Plain.IsMatch(text) && text is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "y" or "n") => text,
        _ => JsonSerializer.Serialize((string)value),
    };
}
