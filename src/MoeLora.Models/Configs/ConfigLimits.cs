namespace MoeLora.Models.Configs;

/// <summary>The largest values that a config may hold: far over any published model, small enough that no product of them overflows.</summary>
internal static class ConfigLimits
{
    public const int Width = 1 << 20;
    public const int Layers = 1 << 12;
    public const int Heads = 1 << 14;
    public const int HeadDim = 1 << 13;
    public const int Vocabulary = 1 << 24;
    public const int Positions = 1 << 26;

    /// <summary>Keys of every family that change nothing here.</summary>
    public static readonly string[] Harmless =
    [
        // Names and versions of the software that wrote or would load the files; the dtype is read from the weights themselves.
        "architectures", "auto_map", "_name_or_path", "name_or_path", "torch_dtype", "dtype", "transformers_version", "tokenizer_class",
        "_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "unsloth_fixed", "unsloth_version", "transformers.js_config",

        // Used only to make or train weights.
        "initializer_range", "gradient_checkpointing", "problem_type", "finetuning_task", "task_specific_params",

        // What the Python classes return or keep, not what they compute.
        "use_cache", "return_dict", "output_attentions", "output_hidden_states", "output_scores", "return_dict_in_generate", "torchscript",
        "id2label", "label2id", "chunk_size_feed_forward",

        // Padding and sampling defaults; a request says how it wants to sample, and nothing here feeds padding.
        "pad_token_id", "unk_token_id", "sep_token_id", "do_sample", "temperature", "top_k", "top_p", "max_length", "num_beams", "repetition_penalty",
    ];
}
