using MoeLora.Models.Prompts;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Methods;

/// <summary>What all compared methods share, so that only the method differs.</summary>
public sealed record MethodSettings
{
    /// <summary>Rank, experts, α, dropout, modules. The gate is the method's.</summary>
    public ExpertSettings Experts { get; init; } = new();

    /// <summary>Steps, batch size, optimizer, sampler. The seed is the cell's.</summary>
    public TrainingSettings Training { get; init; } = new();

    /// <summary>What is written around inputs.</summary>
    public PromptFormat Format { get; init; } = PromptFormat.Plain;

    /// <summary>Longer inputs are cut to this many tokens, in training and in testing; null cuts nothing.</summary>
    public int? CutInputTokens { get; init; }

    /// <summary>Longer answers are cut to this many tokens in training; null cuts nothing.</summary>
    public int? CutTargetTokens { get; init; }

    /// <summary>Answers end after this many tokens at the latest.</summary>
    public int MaxNewTokens { get; init; } = 196;

    /// <summary>Virtual tokens of P-Tuning.</summary>
    public int VirtualTokens { get; init; } = 20;

    /// <summary>Experts that the sparse gate keeps.</summary>
    public int SparseTopK { get; init; } = 4;

    /// <summary>Demonstrations of in-context learning.</summary>
    public int Demonstrations { get; init; } = 2;

    /// <summary>Samples of each task on which LoRAHub measures a composition.</summary>
    public int HubSamples { get; init; } = 16;

    /// <summary>Compositions that LoRAHub measures for each task; its authors' default is 40.</summary>
    public int HubTrials { get; init; } = 40;

    /// <summary>Scales that Task-Arithmetic tries on validation samples.</summary>
    public IReadOnlyList<double> ArithmeticScales { get; init; } = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1];
}
