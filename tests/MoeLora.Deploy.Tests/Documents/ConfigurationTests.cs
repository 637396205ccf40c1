using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>Configuration in documents is what the program reads: <c>deploy/docs/configuration.md</c> has every key with its default, and no document names another.</summary>
public sealed partial class ConfigurationTests
{
    private static readonly MarkdownFile Reference = MarkdownFile.All.Single(file => file.Path == "deploy/docs/configuration.md");

    [Fact]
    public void Reference_HasEveryKeyAndNoOther()
    {
        string[] documented = [.. Rows().Select(row => row.Key)];

        Assert.Equal(ConfigurationKeys.All.Keys.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Reference_HasTheDefaultsOfTheProgram() => Findings.AssertNone(
        from row in Rows()
        let key = ConfigurationKeys.All[row.Key]
        let expected = key.IsRequired && key.Default is null ? "required" : key.Default is { } value ? $"`{value}`" : null
        where expected is null ? row.Default.StartsWith('`') || row.Default == "required" : row.Default != expected
        select $"{row.Key} is said to be {row.Default}, and is {expected ?? "nothing by default"}");

    [Fact]
    public void Blocks_OfYaml_HaveKeysThatThereAre()
    {
        CodeBlock[] blocks = [.. MarkdownFile.All.SelectMany(file => file.Blocks).Where(block => block.Info == "yaml")];

        Assert.True(blocks.Length >= 3);
        Findings.AssertNone(blocks.SelectMany(block => ConfigurationKeys.Unknown(YamlTree.Map(block.Text)).Select(key => $"{block.Place}: {key}")));
    }

    [Fact]
    public void Keys_BetweenBackticks_AreThere() => Findings.AssertNone(
        from file in MarkdownFile.All
        where !file.Path.StartsWith("helm/", StringComparison.Ordinal) // those are the chart's values
        from span in file.Spans
        where DottedKey.IsMatch(span.Text) && !span.Text.EndsWith(".db", StringComparison.Ordinal) && ConfigurationKeys.Contains(span.Text[..span.Text.IndexOf('.', StringComparison.Ordinal)].TrimEnd('[', ']'))
        where !ConfigurationKeys.Contains(span.Text) && !ConfigurationKeys.All.ContainsKey(span.Text)
        select $"{file.Path}:{span.Line}: there is no key {span.Text}");

    [Fact]
    public void Variables_OfTheEnvironment_AreAllDescribed()
    {
        string[] read = [.. Directory.EnumerateFiles(Repository.At("src"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => Variable.Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value).Distinct()];

        Assert.NotEmpty(read);
        Assert.Equal(read.Order(StringComparer.Ordinal), Reference.Spans.Select(span => span.Text).Where(text => text.StartsWith("MOELORA_", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal));
    }

    // | `key` | default | what it is |
    private static IEnumerable<(string Key, string Default)> Rows() =>
        Reference.Prose.Select(line => Row.Match(line.Text)).Where(match => match.Success).Select(match => (match.Groups[1].Value, match.Groups[2].Value.Trim()));

    [GeneratedRegex(@"^\| `([a-z_.\[\]]+)` \|([^|]*)\|")]
    private static partial Regex Row { get; }

    [GeneratedRegex("\"(MOELORA_[A-Z_]+)\"")]
    private static partial Regex Variable { get; }

    [GeneratedRegex(@"^(public|admin|bases\[\]|merging|limits|oidc|cluster)\.[a-z_.\[\]]+$")]
    private static partial Regex DottedKey { get; }
}
