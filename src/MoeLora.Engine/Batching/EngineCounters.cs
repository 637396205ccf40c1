namespace MoeLora.Engine.Batching;

/// <summary>What <see cref="EngineStatistics"/> tells: written by the model's thread, read by any.</summary>
internal sealed class EngineCounters
{
    public int Running;
    public long Steps;
    public long PromptTokens;
    public long CachedTokens;
    public long GeneratedTokens;
    public long Preemptions;
    public long RecomputedTokens;
}
