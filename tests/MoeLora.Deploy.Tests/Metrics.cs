using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>The names under which Prometheus sees the metrics of <c>Telemetry</c>: by what each constant's comment says that it is.</summary>
internal static partial class Metrics
{
    public static HashSet<string> Names { get; } = [.. Instrument.Matches(Repository.Read("src", "MoeLora.Contracts", "Telemetry.cs")).SelectMany(Of)];

    public static HashSet<string> Labels { get; } =
        [.. Tag.Matches(Repository.Read("src", "MoeLora.Contracts", "Telemetry.cs")).Select(match => match.Groups[1].Value), "le", "job", "instance", "namespace", "pod", "silo"];

    /// <summary>What a query names that there is not.</summary>
    public static IEnumerable<string> Unknown(string query) =>
        Named.Matches(query).Select(match => match.Value).Where(name => !Names.Contains(name))
            .Concat(Grouping.Matches(query).SelectMany(match => match.Groups[1].Value.Split(',')).Concat(Matcher.Matches(query).Select(match => match.Groups[1].Value)).Select(label => label.Trim()).Where(label => !Labels.Contains(label)));

    [GeneratedRegex("<summary>(Counter|Histogram, s|Gauge|Up-down counter): [^\\n]*\\n\\s*public const string \\w+ = \"(moelora[^\"]+)\"")]
    private static partial Regex Instrument { get; }

    [GeneratedRegex("public const string \\w+Tag = \"([^\"]+)\"")]
    private static partial Regex Tag { get; }

    [GeneratedRegex("moelora_[a-z0-9_]+")]
    private static partial Regex Named { get; }

    [GeneratedRegex(@"\b(?:by|on|without)\s*\(([^)]*)\)")]
    private static partial Regex Grouping { get; }

    [GeneratedRegex("[{,]\\s*([a-z_]+)\\s*[=!]~?\"")]
    private static partial Regex Matcher { get; }

    private static string[] Of(Match match)
    {
        string name = match.Groups[2].Value.Replace('.', '_');
        return match.Groups[1].Value switch
        {
            "Counter" => [name + "_total"],
            "Histogram, s" => [name + "_seconds_bucket", name + "_seconds_sum", name + "_seconds_count"],
            _ => [name],
        };
    }
}
