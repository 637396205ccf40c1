namespace MoeLora.Models.Configs;

/// <summary>Reads configs of model_type chatglm, as ChatGLM-6B publishes them.</summary>
internal static class ChatGlmConfigReader
{
    public static ChatGlmConfig Read(ConfigFields fields)
    {
        fields.Accept(ConfigLimits.Harmless);
        int vocabulary = fields.Int("vocab_size", 1, ConfigLimits.Vocabulary);
        int ids = vocabulary > 0 ? vocabulary : ConfigLimits.Vocabulary;
        int hidden = fields.Int("hidden_size", 1, ConfigLimits.Width);
        int heads = fields.Int("num_attention_heads", 1, ConfigLimits.Heads);
        var config = new ChatGlmConfig
        {
            ModelType = "chatglm",
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = fields.Int("inner_hidden_size", 1, ConfigLimits.Width, whenAbsent: hidden > 0 ? 4 * hidden : null),
            LayerCount = fields.Int("num_layers", 1, ConfigLimits.Layers),
            HeadCount = heads,
            KeyValueHeadCount = heads,
            HeadDim = hidden / Math.Max(heads, 1),
            MaxPositions = fields.Int("max_sequence_length", 1, ConfigLimits.Positions),
            NormEpsilon = (float)fields.Number("layernorm_epsilon", 0, 0.1),
            EndTokenIds = fields.Ids("eos_token_id", ids) ?? [],
            StartTokenId = fields.Int("bos_token_id", 0, ids - 1),
            GMaskTokenId = fields.Int("gmask_token_id", 0, ids - 1),
            MaskTokenId = fields.Int("mask_token_id", 0, ids - 1),
            PadTokenId = fields.Int("pad_token_id", 0, ids - 1),
        };

        if (hidden > 0 && heads > 0 && hidden % (4 * heads) != 0)
            fields.Problems.Add($"hidden_size {hidden} is not a multiple of 4 × num_attention_heads {heads}; two-dimensional rotary positions turn pairs in each half of a head.");
        CheckVariant(fields);
        fields.RefuseRest("chatglm");
        return config;
    }

    private static void CheckVariant(ConfigFields fields)
    {
        if (!fields.Has("position_encoding_2d"))
            fields.Problems.Add("key 'position_encoding_2d' is missing; it must be true. ChatGLM2 and later are other architectures and are not supported.");
        fields.MustBe("position_encoding_2d", true, "one-dimensional positions are not supported.");
        if (fields.OptionalInt("quantization_bit", 0, 32) is > 0)
            fields.Problems.Add("key 'quantization_bit' must be 0: these weights are quantised; use the published half-precision weights.");
        if (fields.OptionalInt("pre_seq_len", 0, ConfigLimits.Positions) is > 0)
            fields.Problems.Add("key 'pre_seq_len' must be 0 or absent: prefix tuning (P-Tuning v2) is not supported.");
        fields.MustBe("prefix_projection", false, "prefix tuning (P-Tuning v2) is not supported.");
        fields.MustBe("tie_word_embeddings", false, "the output layer is read from lm_head.weight.");
    }
}
