namespace MoeLora.Models.Configs;

/// <summary>Which of the Llama family's configs is read; they share most keys and differ in defaults.</summary>
internal enum LlamaKind
{
    Llama,
    Mistral,
    Qwen2,
}

/// <summary>Reads configs of model_type llama, mistral and qwen2. Defaults of absent keys are those of the published config classes.</summary>
internal static class LlamaConfigReader
{
    private static readonly string[] Harmless =
    [
        .. ConfigLimits.Harmless,

        // Dropout acts in training only.
        "attention_dropout",

        // A way to split products over devices; the product is the same.
        "pretraining_tp",

        // Early Llama conversions repeat max_position_embeddings under this name; a marker of some Llama-shaped models.
        "max_sequence_length", "is_llama_config",
    ];

    public static LlamaConfig Read(ConfigFields fields, LlamaKind kind, string file)
    {
        fields.Accept(Harmless);
        int heads = fields.Int("num_attention_heads", 1, ConfigLimits.Heads);
        int vocabulary = fields.Int("vocab_size", 1, ConfigLimits.Vocabulary);
        int ids = vocabulary > 0 ? vocabulary : ConfigLimits.Vocabulary;
        int hidden = fields.Int("hidden_size", 1, ConfigLimits.Width);
        int maxPositions = fields.Int("max_position_embeddings", 1, ConfigLimits.Positions);
        int layers = fields.Int("num_hidden_layers", 1, ConfigLimits.Layers);
        int? headDim = fields.OptionalInt("head_dim", 1, ConfigLimits.HeadDim);
        bool attentionBias = kind == LlamaKind.Llama && fields.Bool("attention_bias", false);
        (double theta, Llama3RopeScaling? scaling) = RopeReader.Read(fields, file);
        var config = new LlamaConfig
        {
            ModelType = kind.ToString().ToLowerInvariant(),
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = fields.Int("intermediate_size", 1, ConfigLimits.Width),
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = fields.Int("num_key_value_heads", 1, ConfigLimits.Heads, whenAbsent: heads),
            HeadDim = headDim ?? hidden / Math.Max(heads, 1),
            MaxPositions = maxPositions,
            NormEpsilon = (float)fields.Number("rms_norm_eps", 0, 0.1),
            EndTokenIds = fields.Ids("eos_token_id", ids) ?? [],
            BeginTokenId = fields.OptionalInt("bos_token_id", 0, ids - 1),
            RopeTheta = theta,
            RopeScaling = scaling,
            QueryKeyValueBias = kind == LlamaKind.Qwen2 || attentionBias,
            OutputBias = attentionBias,
            MlpBias = kind == LlamaKind.Llama && fields.Bool("mlp_bias", false),
            TieWordEmbeddings = fields.Bool("tie_word_embeddings", false),
        };

        CheckHeads(fields, config, headDim is null);
        CheckActivation(fields);
        CheckWindow(fields, kind, maxPositions, layers);
        fields.MustBe("rope_interleaved", false, "rotary pairs are (j, j + half) here.");
        fields.MustBe("use_mrope", false, "multimodal rotary positions are not supported.");
        fields.MustBe("is_encoder_decoder", false, "only decoders are supported.");
        fields.MustBe("add_cross_attention", false, "only decoders without cross-attention are supported.");
        fields.RefuseRest(config.ModelType);
        return config;
    }

    private static void CheckHeads(ConfigFields fields, LlamaConfig config, bool headDimFollows)
    {
        if (config.HeadCount < 1 || config.HiddenSize < 1)
            return;
        if (headDimFollows && config.HiddenSize % config.HeadCount != 0)
            fields.Problems.Add($"hidden_size {config.HiddenSize} is not a multiple of num_attention_heads {config.HeadCount}, and there is no head_dim.");
        else if (config.HeadDim % 2 != 0)
            fields.Problems.Add($"the head size {config.HeadDim} is odd; rotary positions turn pairs.");
        if (config.KeyValueHeadCount > 0 && config.HeadCount % config.KeyValueHeadCount != 0)
            fields.Problems.Add($"num_attention_heads {config.HeadCount} is not a multiple of num_key_value_heads {config.KeyValueHeadCount}.");
    }

    private static void CheckActivation(ConfigFields fields)
    {
        if (fields.Text("hidden_act") is { } activation && activation != "silu")
            fields.Problems.Add($"key 'hidden_act' is '{activation}'; only silu is supported.");
    }

    /// <summary>Attention here always sees the whole past, so a window that could cut it is refused.</summary>
    private static void CheckWindow(ConfigFields fields, LlamaKind kind, int maxPositions, int layers)
    {
        if (kind == LlamaKind.Mistral && fields.OptionalInt("sliding_window", 1, int.MaxValue) is { } window && window < maxPositions)
        {
            fields.Problems.Add($"key 'sliding_window' is {window} with max_position_embeddings {maxPositions}: longer sequences would see only their last {window} "
                + $"tokens, which is not supported. Lower max_position_embeddings to {window} to use the model for sequences that fit the window.");
        }

        if (kind == LlamaKind.Qwen2)
        {
            // Read by the published code only when use_sliding_window is true.
            fields.Accept(["sliding_window", "max_window_layers"]);
            fields.MustBe("use_sliding_window", false, "layers that see only a window of the past are not supported.");
        }

        if (fields.Texts("layer_types") is { } types && (types.Count != layers || types.Any(type => type != "full_attention")))
            fields.Problems.Add("key 'layer_types' must be 'full_attention' for every layer; other kinds are not supported.");
    }
}
