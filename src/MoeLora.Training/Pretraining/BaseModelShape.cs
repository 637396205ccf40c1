using MoeLora.Models.Configs;

namespace MoeLora.Training.Pretraining;

/// <summary>The shape of a small base model that is trained from scratch: a Llama with tied embeddings and grouped-query attention.</summary>
public sealed record BaseModelShape
{
    /// <summary>Width of the residual stream.</summary>
    public int Hidden { get; init; } = 192;

    /// <summary>Layers.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>Query heads; divides <see cref="Hidden"/>.</summary>
    public int Heads { get; init; } = 6;

    /// <summary>Key/value heads; divides <see cref="Heads"/>.</summary>
    public int KeyValueHeads { get; init; } = 2;

    /// <summary>Width of the feed-forward part.</summary>
    public int Intermediate { get; init; } = 512;

    /// <summary>Longest sequence.</summary>
    public int MaxPositions { get; init; } = 512;

    /// <summary>Everything that is wrong with this shape.</summary>
    public IEnumerable<string> FindProblems()
    {
        foreach ((string name, int value) in new[]
        {
            ("hidden", Hidden), ("layers", Layers), ("heads", Heads), ("kv_heads", KeyValueHeads), ("intermediate", Intermediate), ("max_positions", MaxPositions),
        })
        {
            if (value < 1)
                yield return $"{name} is {value}; it must be at least 1.";
        }
        if (Heads > 0 && (Hidden % Heads != 0 || Hidden / Heads % 2 != 0))
            yield return $"hidden is {Hidden} with {Heads} heads; a head's width must be whole and even.";
        if (KeyValueHeads > 0 && Heads % KeyValueHeads != 0)
            yield return $"kv_heads is {KeyValueHeads}; it must divide the {Heads} heads.";
    }

    /// <summary>The config of this shape.</summary>
    /// <param name="vocabulary">Tokens of the tokenizer, special ones included.</param>
    /// <param name="endToken">The id that ends a text.</param>
    public LlamaConfig ToConfig(int vocabulary, int endToken) => new()
    {
        ModelType = "llama",
        VocabularySize = vocabulary,
        HiddenSize = Hidden,
        IntermediateSize = Intermediate,
        LayerCount = Layers,
        HeadCount = Heads,
        KeyValueHeadCount = KeyValueHeads,
        HeadDim = Hidden / Heads,
        MaxPositions = MaxPositions,
        NormEpsilon = 1e-5f,
        EndTokenIds = [endToken],
        RopeTheta = 10_000,
        QueryKeyValueBias = false,
        OutputBias = false,
        MlpBias = false,
        TieWordEmbeddings = true,
    };
}
