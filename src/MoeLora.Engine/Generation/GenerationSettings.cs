using MoeLora.Engine.Constraints;
using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;

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

    /// <summary>What the answer may be; null for anything. Made for the model's tokenizer and vocabulary.</summary>
    public ITokenConstraint? Constraint { get; init; }

    /// <summary>All ids that end the answer of a model.</summary>
    internal int[] EndTokens(ModelConfig model) => [.. model.EndTokenIds.Concat(StopTokens).Distinct()];

    /// <exception cref="ArgumentException">A model with this vocabulary and tokenizer cannot do what they ask for.</exception>
    internal void Check(ModelConfig model, ITokenizer? tokenizer)
    {
        if (Stop.Count > 0 && tokenizer is null)
            throw new ArgumentException("Stop strings need a tokenizer.");
        foreach (int token in StopTokens)
        {
            if (token < 0 || token >= model.VocabularySize)
                throw new ArgumentException($"Stop token {token} is outside the vocabulary of {model.VocabularySize}.");
        }

        if (Constraint is { } constraint && constraint.VocabularySize != model.VocabularySize)
            throw new ArgumentException($"The constraint is for a vocabulary of {constraint.VocabularySize}; the model has {model.VocabularySize}.");
    }
}
