namespace MoeLora.Adapters.Import;

/// <summary>What an <c>adapter_config.json</c> says, after every key was understood.</summary>
internal sealed record AdapterConfig
{
    public required AdapterKind Kind { get; init; }

    /// <summary>r over all experts.</summary>
    public required int Rank { get; init; }

    public required double Alpha { get; init; }

    public bool RankStabilized { get; init; }

    public required TargetModules Targets { get; init; }

    /// <summary>1 for a plain LoRA.</summary>
    public required int ExpertCount { get; init; }

    /// <summary>1 for a plain LoRA.</summary>
    public required int TaskCount { get; init; }

    /// <summary>d_T; 0 for a plain LoRA.</summary>
    public required int TaskEmbeddingDim { get; init; }

    public int? TopK { get; init; }

    public string? BaseModelName { get; init; }

    public int ExpertRank => Rank / ExpertCount;
}
