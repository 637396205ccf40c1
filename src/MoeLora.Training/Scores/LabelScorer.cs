namespace MoeLora.Training.Scores;

/// <summary>Scores answers that are one label each, as scikit-learn's precision, recall and F1 with its micro and macro averages.</summary>
internal static class LabelScorer
{
    /// <summary>Scores a task.</summary>
    /// <param name="expected">The right labels.</param>
    /// <param name="answered">The answers in the same order; anything that is no label counts as one of its own.</param>
    /// <param name="byMacro">Whether the authors score the task by its macro average.</param>
    public static TaskScore Score(IReadOnlyList<string> expected, IReadOnlyList<string> answered, bool byMacro)
    {
        var labels = new SortedDictionary<string, LabelScore>(StringComparer.Ordinal);
        foreach (string label in expected.Concat(answered).Distinct())
            labels.Add(label, Score(label, expected, answered));
        double accuracy = expected.Zip(answered).Count(pair => pair.First == pair.Second) / (double)expected.Count;
        double macro = labels.Values.Average(label => label.F1);
        return new TaskScore
        {
            Score = byMacro ? macro : accuracy,
            Metric = byMacro ? "macro_f1" : "micro_f1",
            Samples = expected.Count,
            MicroF1 = accuracy,
            MacroF1 = macro,
            Precision = byMacro ? labels.Values.Average(label => label.Precision) : accuracy,
            Recall = byMacro ? labels.Values.Average(label => label.Recall) : accuracy,
            Labels = labels.Where(label => label.Value.Support > 0).ToDictionary(),
        };
    }

    private static LabelScore Score(string label, IReadOnlyList<string> expected, IReadOnlyList<string> answered)
    {
        int right = expected.Zip(answered).Count(pair => pair.First == label && pair.Second == label);
        int support = expected.Count(other => other == label);
        Ratio score = Ratio.Of(right, answered.Count(other => other == label), support);
        return new LabelScore(score.F1, score.Precision, score.Recall, support);
    }
}
