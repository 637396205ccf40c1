namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>A record before it has a prompt around it.</summary>
/// <param name="Body">The sentence or dialogue that the task is about.</param>
/// <param name="Options">What a prompt lists to choose from; empty for tasks that list nothing.</param>
/// <param name="Target">The answer.</param>
/// <param name="Choices">The record's <c>answer_choices</c>.</param>
internal sealed record SyntheticSample(string Body, IReadOnlyList<string> Options, string Target, IReadOnlyList<string>? Choices)
{
    /// <summary>Whether the options stay when the prompt is left out, because without them the answer is not determined.</summary>
    public bool AlwaysShowsOptions { get; init; }
}
