using MoeLora.Models.Tokenizers;

namespace MoeLora.Training.Records;

/// <summary>What is asked of the records of a file.</summary>
public sealed record RecordOptions
{
    /// <summary>Whether every record must have an answer. False for a test set without answers and for predictions.</summary>
    public bool RequiresTargets { get; init; } = true;

    /// <summary>Whether a record may occur again with the same <c>sample_id</c>, prompt and answer. With others it never may.</summary>
    public bool AllowsRepeats { get; init; }

    /// <summary>How long prompts and answers may be; null does not look.</summary>
    public TokenLimits? Limits { get; init; }
}

/// <summary>The lengths that a model is trained with, counted without the tokens of a prompt format.</summary>
/// <param name="Tokenizer">Counts.</param>
/// <param name="MaxInputTokens">Of <c>input</c>; the paper has 1,024.</param>
/// <param name="MaxTargetTokens">Of <c>target</c>; the paper has 196.</param>
public sealed record TokenLimits(ITokenizer Tokenizer, int MaxInputTokens, int MaxTargetTokens);
