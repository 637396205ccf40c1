namespace MoeLora.Contracts;

/// <summary>
/// One step of an answer as it streams: <see cref="GenerationStarted"/> where the grid tells it, any number of <see cref="TokenChunk"/>, then exactly one
/// <see cref="GenerationFinished"/> or <see cref="GenerationFailed"/>. A stream that the caller cancels ends with <see cref="OperationCanceledException"/>.
/// </summary>
public abstract record GenerationEvent
{
    private protected GenerationEvent()
    {
    }
}

/// <summary>
/// The request was admitted: what answers it, before the first token, so that an answer that breaks off can be traced too. A node gives it first; a grid that is
/// called over HTTP does not give it.
/// </summary>
/// <param name="Provenance">What makes the answers.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
public sealed record GenerationStarted(Provenance Provenance, int PromptTokens) : GenerationEvent
{
    /// <summary>
    /// The text of each answer that a node was given as <see cref="GenerationRequest.Begun"/>, as far as it was complete by then: for the node's own records, and not given
    /// to callers again. Empty where nothing had begun.
    /// </summary>
    public IReadOnlyList<string> Begun { get; init; } = [];

    /// <summary>The sizes, never the text.</summary>
    public override string ToString() => $"{PromptTokens} tokens of prompt, {Begun.Sum(text => text.Length)} characters begun";
}

/// <summary>
/// More of the answer. Text and ids need not match one to one: text is held back while a character or a possible stop string
/// is unfinished. All texts together are the answer; all ids together are every token generated, an end token included.
/// </summary>
/// <param name="Text">Whole characters; may be empty.</param>
/// <param name="TokenIds">May be empty.</param>
/// <param name="Answer">Which answer it belongs to: 0, or up to <see cref="GenerationRequest.Answers"/> − 1 where several were asked for.</param>
public sealed record TokenChunk(string Text, IReadOnlyList<int> TokenIds, int Answer = 0) : GenerationEvent
{
    /// <summary>One for each id where they were asked for, else empty.</summary>
    public IReadOnlyList<TokenLogProbs> LogProbs { get; init; } = [];

    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"{Text.Length} characters, {TokenIds.Count} tokens";
}

/// <summary>How likely a chosen token was, and which others were likely.</summary>
/// <param name="Chosen">The chosen token.</param>
/// <param name="Top">The likeliest, largest first; as many as were asked for.</param>
public sealed record TokenLogProbs(TokenLogProb Chosen, IReadOnlyList<TokenLogProb> Top)
{
    /// <summary>The number of alternatives, never the tokens.</summary>
    public override string ToString() => $"{Top.Count} alternatives";
}

/// <summary>A token's log probability, before penalties, temperature and constraints.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Bytes">Its bytes in UTF-8, perhaps part of a character; empty for a special token.</param>
/// <param name="LogProb">Natural logarithm, at most 0.</param>
public readonly record struct TokenLogProb(int TokenId, ReadOnlyMemory<byte> Bytes, double LogProb)
{
    /// <summary>The value, never the token.</summary>
    public override string ToString() => LogProb.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>All answers are complete.</summary>
/// <param name="Reasons">Why each ended, by answer.</param>
/// <param name="Usage">Tokens read, the prompt's counted once, and generated, by all answers together.</param>
/// <param name="Timings">How long it took.</param>
/// <param name="Provenance">What made it.</param>
public sealed record GenerationFinished(IReadOnlyList<FinishReason> Reasons, TokenUsage Usage, GenerationTimings Timings, Provenance Provenance) : GenerationEvent
{
    /// <summary>Why the first answer ended.</summary>
    public FinishReason Reason => Reasons[0];
}

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
/// <param name="CompletionTokens">Tokens generated, end tokens included.</param>
/// <param name="CachedTokens">Those of the prompt whose keys and values were there already.</param>
public readonly record struct TokenUsage(int PromptTokens, int CompletionTokens, int CachedTokens = 0)
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
