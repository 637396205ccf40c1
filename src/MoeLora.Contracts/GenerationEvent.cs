namespace MoeLora.Contracts;

/// <summary>
/// One step of an answer as it streams: any number of <see cref="TokenChunk"/>, then exactly one <see cref="GenerationFinished"/>
/// or <see cref="GenerationFailed"/>. A stream that the caller cancels ends with <see cref="OperationCanceledException"/>.
/// </summary>
public abstract record GenerationEvent
{
    private protected GenerationEvent()
    {
    }
}

/// <summary>
/// More of the answer. Text and ids need not match one to one: text is held back while a character or a possible stop string
/// is unfinished. All texts together are the answer; all ids together are every token generated, an end token included.
/// </summary>
/// <param name="Text">Whole characters; may be empty.</param>
/// <param name="TokenIds">May be empty.</param>
public sealed record TokenChunk(string Text, IReadOnlyList<int> TokenIds) : GenerationEvent
{
    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"{Text.Length} characters, {TokenIds.Count} tokens";
}

/// <summary>The answer is complete.</summary>
/// <param name="Reason">Why it ended.</param>
/// <param name="Usage">Tokens read and generated.</param>
/// <param name="Timings">How long it took.</param>
/// <param name="Provenance">What made it.</param>
public sealed record GenerationFinished(FinishReason Reason, TokenUsage Usage, GenerationTimings Timings, Provenance Provenance) : GenerationEvent;

/// <summary>The answer broke off: what came before is not complete.</summary>
/// <param name="Error">Why.</param>
public sealed record GenerationFailed(GridError Error) : GenerationEvent;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended it, or a stop string was reached.</summary>
    Stop,

    /// <summary>The most tokens asked for were generated.</summary>
    Length,
}

/// <summary>Tokens of one request.</summary>
/// <param name="PromptTokens">Tokens read.</param>
/// <param name="CompletionTokens">Tokens generated, an end token included.</param>
public readonly record struct TokenUsage(int PromptTokens, int CompletionTokens)
{
    /// <summary>Both together.</summary>
    public int TotalTokens => PromptTokens + CompletionTokens;
}

/// <summary>Where the time of one request went.</summary>
/// <param name="Queued">From admission to the prompt pass: waiting for others, and for the task's weights when this is their first use.</param>
/// <param name="Prefill">The prompt pass, to the first token.</param>
/// <param name="Decode">From the first token to the last.</param>
/// <param name="DecodedTokens">Tokens that <paramref name="Decode"/> made: all but the first.</param>
public readonly record struct GenerationTimings(TimeSpan Queued, TimeSpan Prefill, TimeSpan Decode, int DecodedTokens)
{
    /// <summary>Tokens per second of the decode; null when it made none.</summary>
    public double? DecodeTokensPerSecond => DecodedTokens > 0 && Decode > TimeSpan.Zero ? DecodedTokens / Decode.TotalSeconds : null;
}
