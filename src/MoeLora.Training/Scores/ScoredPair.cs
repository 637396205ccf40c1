using MoeLora.Training.Records;

namespace MoeLora.Training.Scores;

/// <summary>An expected answer and the one that was given.</summary>
internal readonly record struct ScoredPair(PromptRecord Expected, PromptRecord Answered)
{
    private const int MostListed = 40;

    /// <summary>Pairs records of the same task and id, in the order of the truth.</summary>
    /// <exception cref="RecordException">They do not pair off one to one.</exception>
    public static IReadOnlyList<ScoredPair> Match(IReadOnlyList<PromptRecord> truth, IReadOnlyList<PromptRecord> predictions)
    {
        ILookup<(string, string), PromptRecord> answers = predictions.ToLookup(Key);
        ILookup<(string, string), PromptRecord> expected = truth.ToLookup(Key);
        string[] problems =
        [
            .. truth.Count == 0 ? ["There is no record to score."] : Enumerable.Empty<string>(),
            .. List("missing from the predictions", truth.Where(record => !answers.Contains(Key(record)))),
            .. List("in the predictions but not in the truth", predictions.Where(record => !expected.Contains(Key(record)))),
            .. List("in the truth more than once", Repeated(expected)),
            .. List("in the predictions more than once", Repeated(answers)),
        ];
        return problems.Length == 0
            ? [.. truth.Select(record => new ScoredPair(record, answers[Key(record)].Single()))]
            : throw new RecordException(string.Join('\n', problems));
    }

    private static (string Task, string Id) Key(PromptRecord record) => (record.TaskDataset, record.SampleId);

    private static IEnumerable<PromptRecord> Repeated(ILookup<(string, string), PromptRecord> records) =>
        records.Where(group => group.Skip(1).Any()).Select(group => group.First());

    private static IEnumerable<string> List(string what, IEnumerable<PromptRecord> records)
    {
        string[] names = [.. records.Select(record => $"{record.SampleId} ({record.TaskDataset})")];
        if (names.Length == 0)
            return [];
        string rest = names.Length > MostListed ? $" and {names.Length - MostListed} more" : "";
        return [$"{names.Length} {(names.Length == 1 ? "record is" : "records are")} {what}: {string.Join(", ", names.Take(MostListed))}{rest}."];
    }
}
