using MoeLora.Models;
using MoeLora.Models.Configs;

namespace MoeLora.Cli.Benchmarks;

/// <summary>A dense layer's weights, [Outputs, Inputs], and how many layers of one transformer layer have this shape.</summary>
/// <param name="Name">The layers' names, as checkpoints have them.</param>
/// <param name="Inputs">Columns.</param>
/// <param name="Outputs">Rows.</param>
/// <param name="Count">Layers of this shape.</param>
internal sealed record DenseShape(string Name, int Inputs, int Outputs, int Count = 1)
{
    /// <summary>The dense layers of one transformer layer.</summary>
    public static IReadOnlyList<DenseShape> OfLayer(ModelConfig config)
    {
        int hidden = config.HiddenSize, inner = config.IntermediateSize, heads = config.HeadCount * config.HeadDim, keys = config.KeyValueHeadCount * config.HeadDim;
        return config is ChatGlmConfig
            ?
            [
                new("query_key_value", hidden, heads + 2 * keys),
                new("dense", heads, hidden),
                new("dense_h_to_4h", hidden, inner),
                new("dense_4h_to_h", inner, hidden),
            ]
            :
            [
                new("q_proj", hidden, heads),
                new("k_proj, v_proj", hidden, keys, 2),
                new("o_proj", heads, hidden),
                new("gate_proj, up_proj", hidden, inner, 2),
                new("down_proj", inner, hidden),
            ];
    }

    /// <summary>The output layer.</summary>
    public static DenseShape OfHead(ModelConfig config) => new("lm_head", config.HiddenSize, config.VocabularySize);
}
