using MoeLora.Models.Configs;

namespace MoeLora.Models.Architectures;

/// <summary>Names and shapes of ChatGLM-6B as its authors published it.</summary>
internal static class ChatGlmLayout
{
    public const string Embedding = "transformer.word_embeddings.weight";
    public const string FinalNorm = "transformer.final_layernorm";
    public const string Head = "lm_head.weight";

    /// <summary>Modules of a layer, in the order of <see cref="Of"/>: query_key_value, dense, dense_h_to_4h, dense_4h_to_h.</summary>
    public const int ModulesPerLayer = 4;

    /// <summary>Without <c>.weight</c> or <c>.bias</c>; a LayerNorm has both.</summary>
    public static string InputNorm(int layer) => $"transformer.layers.{layer}.input_layernorm";

    /// <summary>Without <c>.weight</c> or <c>.bias</c>; a LayerNorm has both.</summary>
    public static string PostAttentionNorm(int layer) => $"transformer.layers.{layer}.post_attention_layernorm";

    public static ModelLayout Of(ChatGlmConfig config)
    {
        int hidden = config.HiddenSize, inner = config.IntermediateSize;
        var modules = new List<LinearModule>();
        var weights = new List<WeightSpec> { new(Embedding, WeightRole.Dense, config.VocabularySize, hidden) };
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            AddNorm(InputNorm(layer));
            Add(layer, "attention.query_key_value", 3 * hidden, hidden);
            Add(layer, "attention.dense", hidden, hidden);
            AddNorm(PostAttentionNorm(layer));
            Add(layer, "mlp.dense_h_to_4h", inner, hidden);
            Add(layer, "mlp.dense_4h_to_h", hidden, inner);
        }
        AddNorm(FinalNorm);
        weights.Add(new WeightSpec(Head, WeightRole.Dense, config.VocabularySize, hidden));

        return new ModelLayout(modules, weights, HarmlessSuffixes: [".rotary_emb.inv_freq"], TiedCopies: new Dictionary<string, string>());

        void AddNorm(string name)
        {
            weights.Add(new WeightSpec($"{name}.weight", WeightRole.Norm, 1, hidden));
            weights.Add(new WeightSpec($"{name}.bias", WeightRole.Bias, 1, hidden));
        }

        void Add(int layer, string name, int outFeatures, int inFeatures)
        {
            var module = new LinearModule(modules.Count, $"transformer.layers.{layer}.{name}", outFeatures, inFeatures);
            modules.Add(module);
            weights.Add(new WeightSpec($"{module.Name}.weight", WeightRole.Dense, outFeatures, inFeatures));
            weights.Add(new WeightSpec($"{module.Name}.bias", WeightRole.Bias, 1, outFeatures));
        }
    }
}
