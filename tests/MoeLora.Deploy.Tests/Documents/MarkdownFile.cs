using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>A document of the repository: its code blocks, and its prose without them.</summary>
internal sealed partial class MarkdownFile
{
    private MarkdownFile(string path)
    {
        Path = path;
        var prose = new List<(int, string)>();
        List<string>? code = null;
        (string Fence, string Info, int Line) open = ("", "", 0);
        string[] lines = File.ReadAllLines(Repository.At(path));
        for (int i = 0; i < lines.Length; i++)
        {
            if (code is null && Fence.Match(lines[i]) is { Success: true } begin)
            {
                open = (begin.Groups[1].Value, begin.Groups[2].Value.Trim(), i + 1);
                code = [];
            }
            else if (code is null)
                prose.Add((i + 1, lines[i]));
            else if (lines[i].Trim() == open.Fence)
            {
                _blocks.Add(new CodeBlock(path, open.Line, open.Info, string.Join('\n', code) + "\n"));
                code = null;
            }
            else
                code.Add(lines[i]);
        }

        Prose = prose;
        if (code is not null)
            throw new InvalidOperationException($"{path}:{open.Line}: this block has no end.");
    }

    private readonly List<CodeBlock> _blocks = [];

    /// <summary>All documents that belong to the repository.</summary>
    public static IReadOnlyList<MarkdownFile> All { get; } =
    [
        .. ((string[])["deploy", "helm", "src", "tests"]).SelectMany(folder => Files(Repository.At(folder))).Append("README.md")
            .Order(StringComparer.Ordinal).Select(path => new MarkdownFile(path)),
    ];

    /// <summary>From the repository's root.</summary>
    public string Path { get; }

    public IReadOnlyList<CodeBlock> Blocks => _blocks;

    /// <summary>Lines with their numbers.</summary>
    public IReadOnlyList<(int Line, string Text)> Prose { get; }

    /// <summary>What stands between backticks.</summary>
    public IEnumerable<(int Line, string Text)> Spans => Prose.SelectMany(line => Span.Matches(line.Text).Select(match => (line.Line, match.Groups[2].Value.Trim())));

    /// <summary>Targets of links and pictures.</summary>
    public IEnumerable<(int Line, string Target)> Links => Prose.SelectMany(line =>
        Link.Matches(Span.Replace(line.Text, match => new string('x', match.Length))).Concat(Definition.Matches(line.Text)).Select(match => (line.Line, match.Groups[1].Value)));

    /// <summary>The anchors of its headings, as GitHub makes them.</summary>
    public IReadOnlySet<string> Anchors
    {
        get
        {
            var anchors = new HashSet<string>(StringComparer.Ordinal);
            foreach ((_, string text) in Prose)
            {
                if (Heading.Match(text) is not { Success: true } heading)
                    continue;
                string anchor = Anchor(Link.Replace(heading.Groups[1].Value, match => match.Value[match.Value.IndexOf('[', StringComparison.Ordinal)..match.Value.IndexOf(']', StringComparison.Ordinal)]));
                string free = anchor;
                for (int i = 1; !anchors.Add(free); i++)
                    free = $"{anchor}-{i}";
            }

            return anchors;
        }
    }

    /// <summary>A heading's anchor: letters, digits, hyphens and underscores stay, spaces become hyphens, the rest goes.</summary>
    public static string Anchor(string heading) => string.Concat(heading.Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is '-' or '_' or ' ')).Replace(' ', '-');

    private static IEnumerable<string> Files(string directory)
    {
        foreach (string file in Directory.EnumerateFiles(directory, "*.md"))
            yield return System.IO.Path.GetRelativePath(Repository.Root, file).Replace('\\', '/');
        foreach (string folder in Directory.EnumerateDirectories(directory))
        {
            // What is built, installed or somebody's own.
            if (System.IO.Path.GetFileName(folder) is not (['.', ..] or "bin" or "obj" or "artifacts" or "node_modules" or "TestResults"))
            {
                foreach (string file in Files(folder))
                    yield return file;
            }
        }
    }

    [GeneratedRegex("^\\s*(```+|~~~+)(.*)$")]
    private static partial Regex Fence { get; }

    [GeneratedRegex("(?<!`)(`+)(?!`)(.+?)(?<!`)\\1(?!`)")]
    private static partial Regex Span { get; }

    [GeneratedRegex(@"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")]
    private static partial Regex Link { get; }

    [GeneratedRegex(@"^\s*\[[^\]]+\]:\s*(\S+)")]
    private static partial Regex Definition { get; }

    [GeneratedRegex("^#{1,6}\\s+(.+?)\\s*#*$")]
    private static partial Regex Heading { get; }
}

/// <summary>A block of code.</summary>
/// <param name="File">The document.</param>
/// <param name="Line">Of its first fence.</param>
/// <param name="Info">What stands behind the fence: the language, then what tests are told.</param>
/// <param name="Text">Its lines.</param>
internal sealed record CodeBlock(string File, int Line, string Info, string Text)
{
    public bool IsShell => Info.Split(' ')[0] is "sh" or "bash" or "console";

    /// <summary>Whether tests run it: <c>```sh runnable</c>.</summary>
    public bool IsRunnable => Info == "sh runnable";

    public string Place => $"{File}:{Line}";
}
