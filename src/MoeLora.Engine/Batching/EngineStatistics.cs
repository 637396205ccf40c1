namespace MoeLora.Engine.Batching;

/// <summary>What an engine does now, and has done since its start.</summary>
public readonly record struct EngineStatistics
{
    /// <summary>Sequences (answers) that run or whose prompt is being computed.</summary>
    public int Running { get; init; }

    /// <summary>Requests that wait, those that made room for others included.</summary>
    public int Waiting { get; init; }

    /// <summary>Blocks of keys and values in all.</summary>
    public int Blocks { get; init; }

    /// <summary>Blocks that requests hold.</summary>
    public int UsedBlocks { get; init; }

    /// <summary>Blocks that only the prefix cache holds; they make room when they are needed.</summary>
    public int CachedBlocks { get; init; }

    /// <summary>Steps so far.</summary>
    public long Steps { get; init; }

    /// <summary>Tokens of prompts computed for the first time.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Tokens of prompts that the prefix cache held.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Tokens generated.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>Requests that had to make room for others.</summary>
    public long Preemptions { get; init; }

    /// <summary>Tokens computed again after that.</summary>
    public long RecomputedTokens { get; init; }
}
