namespace MoeLora.Models;

/// <summary>What every architecture's <c>config.json</c> says, in this project's words.</summary>
public abstract record ModelConfig
{
    /// <summary>The family: llama, mistral, qwen2, chatglm.</summary>
    public required string ModelType { get; init; }

    /// <summary>Rows of the embedding table.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key/value heads.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Elements of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>ε of the normalisations.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Ids that end a generation.</summary>
    public required IReadOnlyList<int> EndTokenIds { get; init; }

    /// <summary>The id put before a prompt, where the model has one.</summary>
    public int? BeginTokenId { get; init; }
}
