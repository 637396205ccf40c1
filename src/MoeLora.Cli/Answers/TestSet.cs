using MoeLora.Training.Records;

namespace MoeLora.Cli.Answers;

/// <summary>The records of a test set that are to be answered.</summary>
internal sealed class TestSet
{
    private readonly bool _skipsBad;

    private TestSet(IReadOnlyList<PromptRecord> records, RecordProblems leftOut, bool skipsBad) =>
        (Records, LeftOut, SkippedLines, _skipsBad) = (records, leftOut, leftOut.BadLines, skipsBad);

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<PromptRecord> Records { get; private set; }

    /// <summary>What is wrong with lines that are left out.</summary>
    public RecordProblems LeftOut { get; }

    /// <summary>Lines that are left out.</summary>
    public int SkippedLines { get; private set; }

    /// <summary>Reads a test set.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tasks">Only records of these; empty for all.</param>
    /// <param name="limit">Of each task only the first so many; null for all.</param>
    /// <param name="skipsBad">Whether bad lines are left out instead of being refused.</param>
    /// <exception cref="RecordException">Lines are bad, or no record is left.</exception>
    public static TestSet Read(string path, IReadOnlyList<string> tasks, int? limit, bool skipsBad)
    {
        var problems = new RecordProblems();
        PromptRecord[] read = [.. RecordFile.Read(path, new RecordOptions(), problems)];
        if (!skipsBad)
            problems.ThrowIfAny();
        var taken = new Dictionary<string, int>();
        PromptRecord[] records =
        [
            .. read.Where(record => tasks.Count == 0 || tasks.Contains(record.TaskDataset))
                .Where(record => (taken[record.TaskDataset] = taken.GetValueOrDefault(record.TaskDataset) + 1) <= (limit ?? int.MaxValue)),
        ];
        if (records.Length == 0)
            throw new RecordException($"{path} has no usable record{(tasks.Count > 0 ? $" of {string.Join(", ", tasks)}" : "")}.");
        return new TestSet(records, problems, skipsBad);
    }

    /// <summary>Refuses, or leaves out, records whose prompts leave no room for an answer.</summary>
    /// <exception cref="RecordException">There are some, and they may not be left out; or no other is there.</exception>
    public void RequireRoom(Func<PromptRecord, int> promptTokens, int maxNewTokens, int positions)
    {
        var problems = new RecordProblems();
        var fitting = new List<PromptRecord>();
        foreach (PromptRecord record in Records)
        {
            int tokens = promptTokens(record);
            if (tokens + maxNewTokens <= positions)
            {
                fitting.Add(record);
                continue;
            }

            problems.Add(new RecordProblem(
                RecordProblemKind.TooLong, record.SourceFile!, record.SourceLine, $"the prompt has {tokens} tokens, which leaves no room for {maxNewTokens} more in the model's {positions} positions."));
        }

        if (!_skipsBad)
            problems.ThrowIfAny();
        LeftOut.Add(problems);
        SkippedLines += problems.Count;
        Records = fitting.Count > 0 ? fitting : throw new RecordException("No record of the test set leaves room for an answer; ask for fewer with --max-new-tokens.");
    }
}
