using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>What documents quote of the program, its messages and metrics, is what it says.</summary>
public sealed partial class TroubleshootingTests
{
    [Fact]
    public void Messages_AreInTheSource()
    {
        string source = string.Concat(Directory.EnumerateFiles(Repository.At("src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText)).Replace("\\\"", "\"", StringComparison.Ordinal);
        string[] messages = [.. Messages(MarkdownFile.All.Single(file => file.Path == "deploy/docs/troubleshooting.md"))];

        Assert.True(messages.Length > 60, $"Only {messages.Length} messages were found.");
        Findings.AssertNone(
            from message in messages
            from part in message.Split('…', StringSplitOptions.RemoveEmptyEntries)
            where !source.Contains(part, StringComparison.Ordinal)
            select $"'{message}': nothing says '{part}'");
    }

    [Fact]
    public void Metrics_ThatAreNamed_AreThere()
    {
        (string Place, string Name)[] named = [.. from file in MarkdownFile.All from span in file.Spans where Metric.IsMatch(span.Text) select ($"{file.Path}:{span.Line}", span.Text)];

        Assert.NotEmpty(named);
        Findings.AssertNone(named.Where(metric => !Metrics.Names.Contains(metric.Name) && !Metrics.Names.Contains(metric.Name + "_bucket")).Select(metric => $"{metric.Place}: there is no {metric.Name}"));
    }

    // What stands in a column that is headed "message", in backticks.
    private static IEnumerable<string> Messages(MarkdownFile document)
    {
        int? column = null;
        foreach ((_, string line) in document.Prose)
        {
            string[] cells = line.Split('|');
            if (cells.Length < 3)
                column = null;
            else if (column is null)
                column = Array.FindIndex(cells, cell => cell.Trim().StartsWith("message", StringComparison.Ordinal));
            else if (column > 0)
            {
                foreach (Match match in Span.Matches(cells[column.Value]))
                {
                    if (!ConfigurationKeys.Contains(match.Groups[1].Value))
                        yield return match.Groups[1].Value;
                }
            }
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Span { get; }

    [GeneratedRegex("^moelora_(requests?|tokens|http|access|engine|rollout|audit)_[a-z0-9_]+$")]
    private static partial Regex Metric { get; }
}
