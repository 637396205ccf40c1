using MoeLora.Models.Configs;

namespace MoeLora.Models.Architectures;

/// <summary>Names and shapes of the Llama family as Hugging Face publishes it: Llama 2 and 3, Mistral, Qwen2.</summary>
internal static class LlamaLayout
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string FinalNorm = "model.norm.weight";
    public const string Head = "lm_head.weight";

    /// <summary>Modules of a layer, in the order of <see cref="Of"/>: q, k, v, o, gate, up, down.</summary>
    public const int ModulesPerLayer = 7;

    public static string InputNorm(int layer) => $"model.layers.{layer}.input_layernorm.weight";

    public static string PostAttentionNorm(int layer) => $"model.layers.{layer}.post_attention_layernorm.weight";

    public static ModelLayout Of(LlamaConfig config)
    {
        int hidden = config.HiddenSize, inner = config.IntermediateSize;
        int queries = config.HeadCount * config.HeadDim, keys = config.KeyValueHeadCount * config.HeadDim;
        var modules = new List<LinearModule>();
        var weights = new List<WeightSpec> { new(Embedding, WeightRole.Dense, config.VocabularySize, hidden) };
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            weights.Add(new WeightSpec(InputNorm(layer), WeightRole.Norm, 1, hidden));
            Add(layer, "self_attn.q_proj", queries, hidden, config.QueryKeyValueBias);
            Add(layer, "self_attn.k_proj", keys, hidden, config.QueryKeyValueBias);
            Add(layer, "self_attn.v_proj", keys, hidden, config.QueryKeyValueBias);
            Add(layer, "self_attn.o_proj", hidden, queries, config.OutputBias);
            weights.Add(new WeightSpec(PostAttentionNorm(layer), WeightRole.Norm, 1, hidden));
            Add(layer, "mlp.gate_proj", inner, hidden, config.MlpBias);
            Add(layer, "mlp.up_proj", inner, hidden, config.MlpBias);
            Add(layer, "mlp.down_proj", hidden, inner, config.MlpBias);
        }
        weights.Add(new WeightSpec(FinalNorm, WeightRole.Norm, 1, hidden));
        if (!config.TieWordEmbeddings)
            weights.Add(new WeightSpec(Head, WeightRole.Dense, config.VocabularySize, hidden));

        return new ModelLayout(
            modules,
            weights,
            HarmlessSuffixes: [".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached"],
            TiedCopies: config.TieWordEmbeddings ? new Dictionary<string, string> { [Head] = Embedding } : []);

        void Add(int layer, string name, int outFeatures, int inFeatures, bool bias)
        {
            var module = new LinearModule(modules.Count, $"model.layers.{layer}.{name}", outFeatures, inFeatures);
            modules.Add(module);
            weights.Add(new WeightSpec($"{module.Name}.weight", WeightRole.Dense, outFeatures, inFeatures));
            if (bias)
                weights.Add(new WeightSpec($"{module.Name}.bias", WeightRole.Bias, 1, outFeatures));
        }
    }
}
