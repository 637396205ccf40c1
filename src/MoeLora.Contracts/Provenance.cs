namespace MoeLora.Contracts;

/// <summary>What made an answer: enough to make it again.</summary>
public sealed record Provenance
{
    /// <summary>Hash of the base model's published files, <c>sha256:</c> and 64 hexadecimal digits.</summary>
    public required string BaseModelHash { get; init; }

    /// <summary>Content hash of the adapter; null when the base model answered by itself.</summary>
    public string? AdapterHash { get; init; }

    /// <summary>The bank: the name in the bundle's manifest; null when the base model answered by itself, or for an adapter that is no bundle.</summary>
    public string? Bank { get; init; }

    /// <summary>The version in the bundle's manifest; null where <see cref="Bank"/> is.</summary>
    public string? Version { get; init; }

    /// <summary>The task's name; null when it has none, or no adapter is served.</summary>
    public string? Task { get; init; }

    /// <summary>The task's id; null when no adapter is served.</summary>
    public int? TaskId { get; init; }

    /// <summary>
    /// The task's weight of every expert, ω, one row for each gate: a single row where all layers share one gate, one per adapted
    /// module otherwise, in execution order. Empty for an adapter without a gate and without one at all.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<float>> GateWeights { get; init; } = [];

    /// <summary>How the task's weights were applied.</summary>
    public required ServingMode Mode { get; init; }

    /// <summary>What computed it, such as <c>cpu (avx2, 2 threads)</c>.</summary>
    public required string Device { get; init; }

    /// <summary>The node that computed it.</summary>
    public string Node { get; init; } = "local";

    /// <summary>The seed of the draws, given or chosen.</summary>
    public required long Seed { get; init; }

    /// <summary>How dense weights are kept: f32, bf16, f16 or q8.</summary>
    public required string WeightsFormat { get; init; }

    /// <summary>
    /// Who gave the first parts of answers that went on elsewhere, first to last; what is named above gave the rest. Bundle, seed and format are the same for all of them,
    /// but recovered weights and the shared form differ in rounding, and so may devices. Empty for answers from one place.
    /// </summary>
    public IReadOnlyList<EarlierPart> Earlier { get; init; } = [];
}

/// <summary>The part of an answer that a node gave before it was lost.</summary>
/// <param name="Node">The node.</param>
/// <param name="Mode">How the task's weights were applied there.</param>
/// <param name="Device">What computed it.</param>
/// <param name="Tokens">Its tokens, of all answers to the request together.</param>
public sealed record EarlierPart(string Node, ServingMode Mode, string Device, int Tokens);

/// <summary>How a task is served.</summary>
public enum ServingMode
{
    /// <summary>The base model alone: nothing adapts it.</summary>
    Base,

    /// <summary>With its own recovered weights, W_j = W0 + (α/r)·Σ ω_ji·B_i·A_i.</summary>
    Merged,

    /// <summary>With W0 and one expert bank for all tasks, y = W0·x + (α/r)·B·(ω_j ∘ (A·x)).</summary>
    Shared,
}
