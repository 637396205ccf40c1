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
        Dictionary<string, int> supports = Count(expected), answers = Count(answered);
        Dictionary<string, int> right = Count(expected.Zip(answered).Where(pair => pair.First == pair.Second).Select(pair => pair.First));
        var labels = new OrderedDictionary<string, LabelScore>();
        foreach (string label in supports.Keys.Union(answers.Keys).Order(StringComparer.Ordinal))
        {
            int support = supports.GetValueOrDefault(label);
            Ratio ratio = Ratio.Of(right.GetValueOrDefault(label), answers.GetValueOrDefault(label), support);
            labels.Add(label, new LabelScore(ratio.F1, ratio.Precision, ratio.Recall, support));
        }

        double accuracy = right.Values.Sum() / (double)expected.Count;
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
            Labels = new OrderedDictionary<string, LabelScore>(labels.Where(label => label.Value.Support > 0)),
        };
    }

    private static Dictionary<string, int> Count(IEnumerable<string> labels) => labels.CountBy(label => label).ToDictionary();
}
