using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>A Dockerfile: its stages and their instructions.</summary>
internal sealed partial class Dockerfile
{
    private readonly Dictionary<string, string> _arguments = [];

    public Dockerfile(string text)
    {
        // Lines that go on on the next one, and comments between them.
        string joined = Regex.Replace(Regex.Replace(text, @"(?m)^\s*#.*\n?", ""), @"\\\n\s*", "");
        foreach (string line in joined.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] words = line.Split(' ', 2, StringSplitOptions.TrimEntries);
            if (words[0] == "FROM")
                Stages.Add(Stage(words[1]));
            else if (Stages.Count == 0 && words[0] == "ARG" && words[1].Split('=', 2) is [var name, var value])
                _arguments[name] = value;
            else
                Stages[^1].Instructions.Add((words[0], words[1]));
        }
    }

    public List<DockerStage> Stages { get; } = [];

    /// <summary>The instructions of a stage and, before them, of those that it is made from.</summary>
    public IEnumerable<(string Name, string Text)> Whole(DockerStage stage) =>
        [.. Stages.FirstOrDefault(other => other.Name == stage.Base) is { } below ? Whole(below) : [], .. stage.Instructions];

    /// <summary>What an instruction copies from the repository.</summary>
    public static IEnumerable<string> Sources(string copy) =>
        copy.Contains("--from=", StringComparison.Ordinal) ? [] : copy.Split(' ').Where(word => !word.StartsWith("--", StringComparison.Ordinal)).SkipLast(1);

    /// <summary>Whether an instruction is in the form that starts no shell.</summary>
    public static bool IsExec(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<string[]>(text[text.IndexOf('[', StringComparison.Ordinal)..])!.Length > 0;
        }
        catch (Exception e) when (e is JsonException or ArgumentOutOfRangeException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\$\{(\w+)\}")]
    private static partial Regex Reference { get; }

    private DockerStage Stage(string text) => text.Split(' ') is [var from, "AS", var name]
        ? new DockerStage(name, Reference.Replace(from, match => _arguments[match.Groups[1].Value]), [])
        : throw new FormatException($"FROM {text}: every stage has a name here.");
}

/// <summary>A stage.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Base">The image or stage that it is made from.</param>
/// <param name="Instructions">Its own.</param>
internal sealed record DockerStage(string Name, string Base, List<(string Name, string Text)> Instructions);
