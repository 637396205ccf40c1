using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The tensors of a Llama by their part in it.</summary>
internal sealed class LlamaWeights
{
    public LlamaWeights(LlamaConfig config, IReadOnlyList<LinearModule> modules, WeightSet weights)
    {
        Embedding = weights[LlamaLayout.Embedding];
        FinalNorm = weights[LlamaLayout.FinalNorm];
        Head = config.TieWordEmbeddings ? Embedding : weights[LlamaLayout.Head];
        Layers = new LlamaLayer[config.LayerCount];
        for (int i = 0; i < Layers.Length; i++)
        {
            int first = i * LlamaLayout.ModulesPerLayer;
            Layers[i] = new LlamaLayer(
                weights[LlamaLayout.InputNorm(i)],
                weights.Layer(modules[first]),
                weights.Layer(modules[first + 1]),
                weights.Layer(modules[first + 2]),
                weights.Layer(modules[first + 3]),
                weights[LlamaLayout.PostAttentionNorm(i)],
                weights.Layer(modules[first + 4]),
                weights.Layer(modules[first + 5]),
                weights.Layer(modules[first + 6]));
        }
    }

    public Tensor Embedding { get; } // [vocabulary, hidden]

    public LlamaLayer[] Layers { get; }

    public Tensor FinalNorm { get; } // [1, hidden]

    public Tensor Head { get; } // [vocabulary, hidden]; the embedding itself when tied
}

/// <summary>One layer's tensors.</summary>
internal sealed record LlamaLayer(
    Tensor InputNorm,         // [1, hidden]
    DenseLayer Query,         // [heads · headDim, hidden]
    DenseLayer Key,           // [kvHeads · headDim, hidden]
    DenseLayer Value,         // [kvHeads · headDim, hidden]
    DenseLayer Output,        // [hidden, heads · headDim]
    Tensor PostAttentionNorm, // [1, hidden]
    DenseLayer Gate,          // [inner, hidden]
    DenseLayer Up,            // [inner, hidden]
    DenseLayer Down);         // [hidden, inner]
