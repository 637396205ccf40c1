using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The tensors of a ChatGLM by their part in it.</summary>
internal sealed class ChatGlmWeights
{
    public ChatGlmWeights(ChatGlmConfig config, IReadOnlyList<LinearModule> modules, WeightSet weights)
    {
        Embedding = weights[ChatGlmLayout.Embedding];
        FinalNorm = Norm(ChatGlmLayout.FinalNorm);
        Head = weights[ChatGlmLayout.Head];
        Layers = new ChatGlmLayer[config.LayerCount];
        for (int i = 0; i < Layers.Length; i++)
        {
            int first = i * ChatGlmLayout.ModulesPerLayer;
            Layers[i] = new ChatGlmLayer(
                Norm(ChatGlmLayout.InputNorm(i)),
                weights.Layer(modules[first]),
                weights.Layer(modules[first + 1]),
                Norm(ChatGlmLayout.PostAttentionNorm(i)),
                weights.Layer(modules[first + 2]),
                weights.Layer(modules[first + 3]));
        }

        LayerNormWeights Norm(string name) => new(weights[$"{name}.weight"], weights[$"{name}.bias"]);
    }

    public Tensor Embedding { get; } // [vocabulary, hidden]

    public ChatGlmLayer[] Layers { get; }

    public LayerNormWeights FinalNorm { get; }

    public Tensor Head { get; } // [vocabulary, hidden]
}

/// <summary>One layer's tensors.</summary>
internal sealed record ChatGlmLayer(
    LayerNormWeights InputNorm,
    DenseLayer QueryKeyValue, // [heads · 3 · headDim, hidden]
    DenseLayer Dense,         // [hidden, heads · headDim]
    LayerNormWeights PostAttentionNorm,
    DenseLayer HiddenToInner, // [inner, hidden]
    DenseLayer InnerToHidden); // [hidden, inner]

/// <summary>Weight and bias of a LayerNorm, each [1, hidden].</summary>
internal readonly record struct LayerNormWeights(Tensor Weight, Tensor Bias);
