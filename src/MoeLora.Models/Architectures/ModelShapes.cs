using MoeLora.Models.Configs;

namespace MoeLora.Models.Architectures;

/// <summary>Published shapes to measure speed and memory with, see <see cref="ModelLoader.Random"/>.</summary>
public static class ModelShapes
{
    /// <summary>The names that <see cref="Get"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["qwen2-0.5b", "tinyllama-1.1b", "chatglm-6b", "chatglm-6b-2layers", "llama-smallest", "chatglm-smallest"];

    /// <summary>The config of a named shape.</summary>
    /// <param name="name">
    /// <c>qwen2-0.5b</c> (vocabulary cut to 32,000 by default, so that the layers and not the output are measured), <c>tinyllama-1.1b</c>,
    /// <c>chatglm-6b</c>, <c>chatglm-6b-2layers</c> (two of its 28 layers); and <c>llama-smallest</c> and <c>chatglm-smallest</c>, which nobody published: two layers of almost
    /// nothing, to try what measures.
    /// </param>
    /// <param name="vocabulary">Another size of the vocabulary.</param>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public static ModelConfig Get(string name, int? vocabulary = null) => name switch
    {
        "qwen2-0.5b" => new LlamaConfig
        {
            ModelType = "qwen2",
            VocabularySize = vocabulary ?? 32_000,
            HiddenSize = 896,
            IntermediateSize = 4864,
            LayerCount = 24,
            HeadCount = 14,
            KeyValueHeadCount = 2,
            HeadDim = 64,
            MaxPositions = 32_768,
            NormEpsilon = 1e-6f,
            EndTokenIds = [0],
            RopeTheta = 1e6,
            QueryKeyValueBias = true,
            OutputBias = false,
            MlpBias = false,
            TieWordEmbeddings = true,
        },
        "tinyllama-1.1b" => TinyLlama(vocabulary ?? 32_000),
        "chatglm-6b" => ChatGlm(vocabulary ?? 130_528) with { LayerCount = 28 },
        "chatglm-6b-2layers" => ChatGlm(vocabulary ?? 130_528),
        "llama-smallest" => TinyLlama(vocabulary ?? 512) with { HiddenSize = 64, IntermediateSize = 128, LayerCount = 2, HeadCount = 4, KeyValueHeadCount = 2, HeadDim = 16 },
        "chatglm-smallest" => ChatGlm(vocabulary ?? 512) with { HiddenSize = 64, IntermediateSize = 256, HeadCount = 2, KeyValueHeadCount = 2, HeadDim = 32 },
        _ => throw new ArgumentException($"'{name}' is not a shape; use {string.Join(", ", Names)}.", nameof(name)),
    };

    private static LlamaConfig TinyLlama(int vocabulary) => new()
    {
        ModelType = "llama",
        VocabularySize = vocabulary,
        HiddenSize = 2048,
        IntermediateSize = 5632,
        LayerCount = 22,
        HeadCount = 32,
        KeyValueHeadCount = 4,
        HeadDim = 64,
        MaxPositions = 2048,
        NormEpsilon = 1e-5f,
        EndTokenIds = [2],
        BeginTokenId = 1,
        RopeTheta = 1e4,
        QueryKeyValueBias = false,
        OutputBias = false,
        MlpBias = false,
        TieWordEmbeddings = false,
    };

    // The special tokens' ids only have to be in the vocabulary.
    private static ChatGlmConfig ChatGlm(int vocabulary) => new()
    {
        ModelType = "chatglm",
        VocabularySize = vocabulary,
        HiddenSize = 4096,
        IntermediateSize = 16_384,
        LayerCount = 2,
        HeadCount = 32,
        KeyValueHeadCount = 32,
        HeadDim = 128,
        MaxPositions = 2048,
        NormEpsilon = 1e-5f,
        EndTokenIds = [vocabulary - 1],
        MaskTokenId = vocabulary - 4,
        GMaskTokenId = vocabulary - 3,
        StartTokenId = vocabulary - 2,
        PadTokenId = 3,
    };
}
