using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;

namespace MoeLora.Models.Tests.Configs;

/// <summary>Configs as their authors publish them, to be changed key by key.</summary>
internal static class ConfigJson
{
    public const string Llama = """
        {"architectures":["LlamaForCausalLM"],"attention_bias":false,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":4096,
         "initializer_range":0.02,"intermediate_size":11008,"max_position_embeddings":4096,"model_type":"llama","num_attention_heads":32,
         "num_hidden_layers":32,"num_key_value_heads":32,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":10000.0,
         "tie_word_embeddings":false,"torch_dtype":"float16","transformers_version":"4.31.0","use_cache":true,"vocab_size":32000}
        """;

    public const string Llama31 = """
        {"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,"eos_token_id":[128001,128008,128009],
         "hidden_act":"silu","hidden_size":4096,"initializer_range":0.02,"intermediate_size":14336,"max_position_embeddings":131072,"mlp_bias":false,
         "model_type":"llama","num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,
         "rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},
         "rope_theta":500000.0,"tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":"4.42.3","use_cache":true,"vocab_size":128256}
        """;

    public const string Mistral = """
        {"architectures":["MistralForCausalLM"],"attention_dropout":0.0,"bos_token_id":1,"eos_token_id":2,"head_dim":null,"hidden_act":"silu","hidden_size":4096,
         "initializer_range":0.02,"intermediate_size":14336,"max_position_embeddings":32768,"model_type":"mistral","num_attention_heads":32,
         "num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":1000000.0,"sliding_window":null,"tie_word_embeddings":false,
         "torch_dtype":"bfloat16","transformers_version":"4.42.0.dev0","use_cache":true,"vocab_size":32768}
        """;

    public const string Qwen2 = """
        {"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu","hidden_size":896,
         "initializer_range":0.02,"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2",
         "num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
         "tie_word_embeddings":true,"torch_dtype":"bfloat16","transformers_version":"4.43.1","use_cache":true,"use_sliding_window":false,"vocab_size":151936}
        """;

    public const string ChatGlm = """
        {"_name_or_path":"THUDM/chatglm-6b","architectures":["ChatGLMModel"],"auto_map":{"AutoConfig":"configuration_chatglm.ChatGLMConfig"},
         "bos_token_id":130004,"eos_token_id":130005,"mask_token_id":130000,"gmask_token_id":130001,"pad_token_id":3,"hidden_size":4096,
         "inner_hidden_size":16384,"layernorm_epsilon":1e-05,"max_sequence_length":2048,"model_type":"chatglm","num_attention_heads":32,"num_layers":28,
         "position_encoding_2d":true,"torch_dtype":"float16","transformers_version":"4.23.1","use_cache":true,"vocab_size":130528}
        """;

    /// <summary>The config with the members of <paramref name="change"/> set, and the keys in <paramref name="without"/> removed.</summary>
    public static string With(this string config, string change = "{}", params string[] without)
    {
        JsonObject node = JsonNode.Parse(config)!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse(change)!.AsObject())
            node[key] = value?.DeepClone();
        foreach (string key in without)
            Assert.True(node.Remove(key));
        return node.ToJsonString();
    }

    public static LlamaConfig ReadLlama(this string config) => Assert.IsType<LlamaConfig>(Read(config));

    public static ChatGlmConfig ReadChatGlm(this string config) => Assert.IsType<ChatGlmConfig>(Read(config));

    public static ModelConfig Read(this string config) => ModelConfigReader.Read(JsonMembers.Parse(Encoding.UTF8.GetBytes(config), "config.json"), "config.json");

    public static string Error(this string config) => Assert.Throws<CheckpointException>(() => Read(config)).Message;
}
