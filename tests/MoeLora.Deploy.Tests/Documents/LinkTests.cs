using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>What documents point to is there.</summary>
public sealed partial class LinkTests
{
    [Fact]
    public void Links_ToFilesAndHeadings_Resolve()
    {
        var files = MarkdownFile.All.ToDictionary(file => file.Path);
        var broken = new List<string>();
        int relative = 0;
        foreach (MarkdownFile file in MarkdownFile.All)
        {
            foreach ((int line, string target) in file.Links.Where(link => !Elsewhere.IsMatch(link.Target)))
            {
                relative++;
                string[] parts = target.Split('#', 2);
                string path = parts[0].Length == 0 ? file.Path : Resolve(file.Path, Uri.UnescapeDataString(parts[0]));
                if (!File.Exists(Repository.At(path)) && !Directory.Exists(Repository.At(path)))
                    broken.Add($"{file.Path}:{line}: there is no {path}");
                else if (parts.Length == 2 && (!files.TryGetValue(path, out MarkdownFile? other) || !other.Anchors.Contains(parts[1])))
                    broken.Add($"{file.Path}:{line}: {path} has no heading #{parts[1]}");
            }
        }

        Assert.True(relative > 60, $"Only {relative} links were found.");
        Findings.AssertNone(broken);
    }

    [Fact]
    public void Readme_LeadsToEveryDocumentForOperators()
    {
        var reached = new HashSet<string>();
        var unread = new Stack<MarkdownFile>([MarkdownFile.All.Single(file => file.Path == "README.md")]);
        while (unread.TryPop(out MarkdownFile? file))
        {
            foreach ((_, string target) in file.Links.Where(link => !Elsewhere.IsMatch(link.Target)))
            {
                string path = Resolve(file.Path, target.Split('#')[0]);
                if (MarkdownFile.All.FirstOrDefault(other => other.Path == path) is { } next && reached.Add(path))
                    unread.Push(next);
            }
        }

        Findings.AssertNone(MarkdownFile.All.Select(file => file.Path).Where(path => path.StartsWith("deploy/docs/", StringComparison.Ordinal) || path.StartsWith("src/", StringComparison.Ordinal)).Except(reached));
    }

    [Fact]
    public void Paths_BetweenBackticks_AreThere() => Findings.AssertNone(
        from file in MarkdownFile.All
        from span in file.Spans
        where RepositoryPath.IsMatch(span.Text) && !File.Exists(Repository.At(span.Text)) && !Directory.Exists(Repository.At(span.Text))
        select $"{file.Path}:{span.Line}: there is no {span.Text}");

    [Fact]
    public void Filters_OfTests_NameTestsThatThereAre()
    {
        string tests = string.Concat(Directory.EnumerateFiles(Repository.At("tests"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText));

        Findings.AssertNone(
            from file in MarkdownFile.All
            from line in File.ReadAllLines(Repository.At(file.Path))
            from Match filter in Filter.Matches(line)
            where !Regex.IsMatch(tests, $@"\b(class|void|Task) {filter.Groups[1].Value}")
            select $"{file.Path}: no test is named {filter.Groups[1].Value}");
    }

    private static string Resolve(string from, string target) =>
        Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.At(from), "..", target))).Replace('\\', '/');

    [GeneratedRegex("^([a-z]+:|//)")]
    private static partial Regex Elsewhere { get; }

    [GeneratedRegex(@"^(src|deploy|helm|tests)/[\w./-]+$")]
    private static partial Regex RepositoryPath { get; }

    [GeneratedRegex(@"--filter ([A-Z][a-z]\w+)")]
    private static partial Regex Filter { get; }
}
