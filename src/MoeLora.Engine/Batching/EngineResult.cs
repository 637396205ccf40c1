using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Batching;

/// <summary>How a request went.</summary>
public sealed record EngineResult
{
    /// <summary>Why each answer ended.</summary>
    public required IReadOnlyList<GenerationEnd> Ends { get; init; }

    /// <summary>What broke it, where an end is <see cref="GenerationEnd.Failed"/>: of the step that computed it, or of its own output.</summary>
    public Exception? Failure { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens of the prompt whose keys and values were there already.</summary>
    public int CachedTokens { get; init; }

    /// <summary>Tokens generated in all answers, end tokens included.</summary>
    public int CompletionTokens { get; init; }

    /// <summary>From submission until its prompt's turn.</summary>
    public TimeSpan Queued { get; init; }

    /// <summary>From there to the first token.</summary>
    public TimeSpan Prefill { get; init; }

    /// <summary>From the first token to the end of the last answer.</summary>
    public TimeSpan Decode { get; init; }

    /// <summary>How often it had to make room for others; it shows in no token.</summary>
    public int Preemptions { get; init; }
}
