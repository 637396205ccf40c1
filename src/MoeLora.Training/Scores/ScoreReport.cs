namespace MoeLora.Training.Scores;

/// <summary>The scores of a set of answers.</summary>
/// <param name="Scores">By task, in the order of PromptCBLUE's tasks; only those that occur.</param>
/// <param name="Average">The mean of the tasks' <see cref="TaskScore.Score"/>.</param>
public sealed record ScoreReport(IReadOnlyDictionary<string, TaskScore> Scores, double Average);
