namespace MoeLora.Training.Adaptations;

/// <summary>How the experts of an adapted layer are weighted.</summary>
public enum GateKind
{
    /// <summary>One gate for all layers, which looks only at the task (arXiv 2310.18339, equation 7).</summary>
    Shared,

    /// <summary>A gate and task embeddings of its own in every adapted layer (the paper's multiple gates).</summary>
    PerModule,

    /// <summary>Every expert weighs 1/N (the paper's ablation without gate).</summary>
    Uniform,

    /// <summary>One expert that weighs 1: plain LoRA (arXiv 2106.09685).</summary>
    None,
}

/// <summary>The shape of an adapter that is trained; the defaults are the paper's, α and dropout those of its authors' scripts.</summary>
public sealed record ExpertSettings
{
    /// <summary>How experts are weighted.</summary>
    public GateKind Gate { get; init; } = GateKind.Shared;

    /// <summary>r over all experts.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>N; divides <see cref="Rank"/>. Plain LoRA has one whatever this says.</summary>
    public int ExpertCount { get; init; } = 8;

    /// <summary>α; deltas are scaled by α/r.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Rate of dropout on the input of A; drawn once for a layer and pass, where the authors' code draws for each expert.</summary>
    public float Dropout { get; init; } = 0.1f;

    /// <summary>d_T.</summary>
    public int TaskEmbeddingDim { get; init; } = 64;

    /// <summary>Experts that keep a weight in the sparse gate; null for the dense one.</summary>
    public int? TopK { get; init; }

    /// <summary>Names of the adapted modules: whole names or their last dotted parts; null adapts every dense layer.</summary>
    public IReadOnlyList<string>? TargetModules { get; init; }

    /// <summary>N, or the one expert of a plain LoRA.</summary>
    internal int Experts => Gate == GateKind.None ? 1 : ExpertCount;

    /// <summary>Everything that is wrong with these settings.</summary>
    public IEnumerable<string> FindProblems()
    {
        if (Rank < 1)
            yield return $"rank is {Rank}; it must be at least 1.";
        if (Gate != GateKind.None && (ExpertCount < 1 || (Rank >= 1 && Rank % ExpertCount != 0)))
            yield return $"experts is {ExpertCount}; it must divide the rank of {Rank}.";
        if (!double.IsFinite(Alpha) || Alpha <= 0)
            yield return $"alpha is {Alpha}; it must be positive.";
        if (Dropout is < 0 or >= 1 or float.NaN)
            yield return $"dropout is {Dropout}; it must be in [0, 1).";
        if (TaskEmbeddingDim < 1)
            yield return $"task_embedding_dim is {TaskEmbeddingDim}; it must be at least 1.";
        if (TopK is { } k && (k < 1 || k > ExpertCount))
            yield return $"top_k is {k}; the sparse gate keeps 1 to {ExpertCount} experts.";
        if (TopK is not null && Gate is (GateKind.Uniform or GateKind.None))
            yield return "top_k needs a gate that is trained.";
        if (TargetModules is { Count: 0 })
            yield return "target_modules is empty; leave it out to adapt every dense layer.";
    }
}
