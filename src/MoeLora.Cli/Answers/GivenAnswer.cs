using MoeLora.Training.Records;

namespace MoeLora.Cli.Answers;

/// <summary>What a model answered to a record.</summary>
/// <param name="Record">The record.</param>
/// <param name="TokenIds">The answer's tokens, without an end token.</param>
/// <param name="Text">The answer.</param>
/// <param name="IsWhole">Whether the model ended it; else it ran to the most tokens allowed.</param>
internal sealed record GivenAnswer(PromptRecord Record, IReadOnlyList<int> TokenIds, string Text, bool IsWhole)
{
    /// <summary>The answer in PromptCBLUE's form.</summary>
    public PromptRecord ToPrediction() => Record with { Target = Text };
}

/// <summary>Answers to a test set, in its order.</summary>
/// <param name="Items">One for each record.</param>
/// <param name="Time">Without loading.</param>
internal sealed record GivenAnswers(IReadOnlyList<GivenAnswer> Items, TimeSpan Time)
{
    /// <summary>How many answers have other tokens than those of another run.</summary>
    public int CountDifferent(GivenAnswers other) => Items.Zip(other.Items).Count(pair => !pair.First.TokenIds.SequenceEqual(pair.Second.TokenIds));
}
