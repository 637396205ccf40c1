using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Generation;

/// <summary>What ends a generation, and how its tokens are chosen.</summary>
public sealed record GenerationSettings
{
    private readonly int _maxTokens = 1;

    /// <summary>Most tokens to generate, at least 1.</summary>
    public required int MaxTokens
    {
        get => _maxTokens;
        init => _maxTokens = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least one token is generated.");
    }

    /// <summary>How each token is chosen.</summary>
    public SamplingSettings Sampling { get; init; } = SamplingSettings.Greedy;

    /// <summary>Texts that end the answer; they need a tokenizer.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Token ids that end the answer besides the model's own. They count as generated, and have no text.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];
}
