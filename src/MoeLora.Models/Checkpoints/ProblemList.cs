using System.Text;

namespace MoeLora.Models.Checkpoints;

/// <summary>Collects what is wrong with one thing, so that a reader learns of everything at once; keeps the first few and counts the rest.</summary>
internal sealed class ProblemList(string subject)
{
    private const int Kept = 40;
    private const int Most = 1000;
    private const int LongestName = 120;
    private readonly List<string> _problems = [];

    public int Count { get; private set; }

    /// <summary>Adds a problem.</summary>
    /// <exception cref="CheckpointException">There are so many that reading on would only cost time.</exception>
    public void Add(string problem)
    {
        Count++;
        if (_problems.Count < Kept)
            _problems.Add(problem);
        if (Count == Most)
            throw ToException();
    }

    public void ThrowIfAny()
    {
        if (Count > 0)
            throw ToException();
    }

    private CheckpointException ToException()
    {
        if (Count == 1)
            return new CheckpointException($"{subject}: {_problems[0]}");
        var text = new StringBuilder($"{subject}: {Count}{(Count == Most ? " or more" : "")} problems:");
        foreach (string problem in _problems)
            text.Append("\n- ").Append(problem);
        if (Count > _problems.Count)
            text.Append($"\n- and {Count - _problems.Count} more");
        return new CheckpointException(text.ToString());
    }

    /// <summary>A name from a file as a message may print it: in quotes, cut when long, control characters replaced.</summary>
    public static string Quote(string name) => $"'{Printable(name)}'";

    /// <summary>As <see cref="Quote"/>, without the quotes.</summary>
    public static string Printable(string name)
    {
        string text = name.Length > LongestName ? name[..LongestName] + "…" : name;
        return string.Create(text.Length, text, static (target, source) =>
        {
            for (int i = 0; i < source.Length; i++)
                target[i] = char.IsControl(source[i]) || char.IsSurrogate(source[i]) ? '?' : source[i];
        });
    }
}
