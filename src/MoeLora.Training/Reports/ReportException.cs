namespace MoeLora.Training.Reports;

/// <summary>A file of metrics or results cannot be used; the message lists everything that is wrong with it, with its path and lines.</summary>
public sealed class ReportException : Exception
{
    private const int MostInMessage = 40;

    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problems">One sentence for each: what, where, and how to mend it.</param>
    public ReportException(string path, IReadOnlyList<string> problems)
        : base(Render(path, problems))
        => Problems = problems;

    /// <summary>Every problem, in the order of the file. The message shows the first 40.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Render(string path, IReadOnlyList<string> problems)
    {
        IEnumerable<string> shown = problems.Take(MostInMessage).Select(problem => $"{path}: {problem}");
        return string.Join('\n', problems.Count > MostInMessage ? shown.Append($"… and {problems.Count - MostInMessage} more.") : shown);
    }
}
