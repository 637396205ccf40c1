namespace MoeLora.Adapters;

/// <summary>An adapter cannot be read, written or used with this base model. It lists everything that is wrong.</summary>
public sealed class AdapterException : Exception
{
    // Texts come from files: a message must neither flood a log nor carry control characters to a terminal.
    private const int MaxProblemLength = 1000;
    private const int MaxProblemsInMessage = 200;

    /// <summary>Creates the exception.</summary>
    /// <param name="subject">What cannot be used, with its path.</param>
    /// <param name="problems">One sentence for each problem: what, where, and how to mend it.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public AdapterException(string subject, IEnumerable<string> problems, Exception? inner = null)
        : this(Printable(subject), [.. problems.Select(Printable)], inner)
    {
    }

    private AdapterException(string subject, string[] problems, Exception? inner)
        : base(Render(subject, problems), inner)
    {
        Subject = subject;
        Problems = problems;
    }

    /// <summary>What cannot be used.</summary>
    public string Subject { get; }

    /// <summary>Every problem found, in the order in which the files were read. The message shows the first 200.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Render(string subject, string[] problems)
    {
        if (problems.Length == 1)
            return $"{subject} cannot be used: {problems[0]}";
        string rest = problems.Length > MaxProblemsInMessage ? $"\n  - and {problems.Length - MaxProblemsInMessage} more" : "";
        return $"{subject} cannot be used, {problems.Length} problems:\n  - {string.Join("\n  - ", problems.Take(MaxProblemsInMessage))}{rest}";
    }

    private static string Printable(string text)
    {
        string cut = text.Length <= MaxProblemLength ? text : text[..MaxProblemLength] + "…";
        return string.Concat(cut.Select(c => char.IsControl(c) && c != '\n' ? '?' : c));
    }
}
