namespace MoeLora.Engine.Generation;

/// <summary>Why a generation ended.</summary>
public enum GenerationEnd
{
    /// <summary>A token was chosen that ends a generation: one of the model's or of the settings'.</summary>
    EndToken,

    /// <summary>A stop string is complete.</summary>
    StopString,

    /// <summary>The most tokens asked for were generated.</summary>
    MaxTokens,

    /// <summary>It was cancelled.</summary>
    Cancelled,

    /// <summary>The model's logits hold a NaN, or infinities that cannot be weighed: nothing can be chosen. A fault of the weights or of the device.</summary>
    UnusableLogits,

    /// <summary>The answer is all that its constraint lets it be.</summary>
    Complete,

    /// <summary>The engine was stopped before it was complete.</summary>
    Stopped,

    /// <summary>An exception broke it off.</summary>
    Failed,
}

/// <summary>How a generation went.</summary>
/// <param name="End">Why it ended.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens generated, an end token included.</param>
/// <param name="Prefill">From the start to the first token.</param>
/// <param name="Decode">From the first token to the end; it made all tokens but the first.</param>
public sealed record GenerationResult(GenerationEnd End, int PromptTokens, int CompletionTokens, TimeSpan Prefill, TimeSpan Decode)
{
    /// <summary>Tokens per second after the first token; null when there is only one or none.</summary>
    public double? DecodeTokensPerSecond => CompletionTokens > 1 && Decode > TimeSpan.Zero ? (CompletionTokens - 1) / Decode.TotalSeconds : null;
}
