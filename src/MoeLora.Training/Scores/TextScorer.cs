using MoeLora.Training.Segmentation;

namespace MoeLora.Training.Scores;

/// <summary>Scores answers that are text by <see cref="RougeL"/> over words.</summary>
internal sealed class TextScorer(IWordSegmenter segmenter)
{
    // What the authors put in the place of an empty answer, and before every section of a report.
    private const string Placeholder = "-";

    /// <summary>Scores sentences.</summary>
    public TaskScore ScoreSentences(IReadOnlyList<string> expected, IReadOnlyList<string> answered) =>
        Mean([.. expected.Zip(answered, (reference, answer) => RougeL.Compare(Words(answer.Length == 0 ? Placeholder : answer), Words(reference)))]);

    /// <summary>Scores reports: the mean over the expected sections, of which a missing one counts 0.</summary>
    public TaskScore ScoreReports(IReadOnlyList<IReadOnlyDictionary<string, string>> expected, IReadOnlyList<IReadOnlyDictionary<string, string>> answered) =>
        Mean([.. expected.Zip(answered, ScoreReport)]);

    private RougeL ScoreReport(IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> answered) => Average(
    [
        .. expected.Select(section => answered.TryGetValue(section.Key, out string? answer)
            ? RougeL.Compare(Placeholder + Words(answer), Placeholder + Words(section.Value))
            : default),
    ]);

    private string Words(string text) => string.Join(' ', segmenter.Cut(text));

    private static RougeL Average(IReadOnlyCollection<RougeL> scores) => scores.Count == 0
        ? default
        : new RougeL(scores.Average(score => score.F1), scores.Average(score => score.Precision), scores.Average(score => score.Recall));

    private static TaskScore Mean(IReadOnlyCollection<RougeL> scores)
    {
        RougeL mean = Average(scores);
        return new TaskScore
        {
            Score = mean.F1,
            Metric = "rouge_l",
            Samples = scores.Count,
            RougeL = mean.F1,
            Precision = mean.Precision,
            Recall = mean.Recall,
        };
    }
}
