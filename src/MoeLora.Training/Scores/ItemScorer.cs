namespace MoeLora.Training.Scores;

/// <summary>Scores answers that are items, over all samples together.</summary>
internal static class ItemScorer
{
    /// <summary>Scores a task. An expected item counts as found as often as it is expected; an answered one is wrong as often as it is answered.</summary>
    /// <param name="expected">Of each sample.</param>
    /// <param name="answered">Of each sample, in the same order.</param>
    public static TaskScore Score(IReadOnlyList<IReadOnlyList<string>> expected, IReadOnlyList<IReadOnlyList<string>> answered)
    {
        int found = 0, missed = 0, wrong = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            found += expected[i].Count(answered[i].Contains);
            missed += expected[i].Count(item => !answered[i].Contains(item));
            wrong += answered[i].Count(item => !expected[i].Contains(item));
        }

        Ratio score = Ratio.Of(found, found + wrong, found + missed);
        return new TaskScore
        {
            Score = score.F1,
            Metric = "micro_f1",
            Samples = expected.Count,
            MicroF1 = score.F1,
            Precision = score.Precision,
            Recall = score.Recall,
        };
    }
}
