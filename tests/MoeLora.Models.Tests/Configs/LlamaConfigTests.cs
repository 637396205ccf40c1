using MoeLora.Models.Configs;

namespace MoeLora.Models.Tests.Configs;

public sealed class LlamaConfigTests
{
    [Fact]
    public void Read_Llama2_AsPublished()
    {
        LlamaConfig config = ConfigJson.Llama.ReadLlama();

        Assert.Equal(("llama", 32000, 4096, 11008, 32, 32, 32, 128, 4096), (config.ModelType, config.VocabularySize, config.HiddenSize, config.IntermediateSize,
            config.LayerCount, config.HeadCount, config.KeyValueHeadCount, config.HeadDim, config.MaxPositions));
        Assert.Equal((1e-5f, 1, 10_000d, null), (config.NormEpsilon, config.BeginTokenId, config.RopeTheta, config.RopeScaling));
        Assert.Equal([2], config.EndTokenIds);
    }

    [Fact]
    public void Read_Llama31_HasItsRopeScalingAndEndTokens()
    {
        LlamaConfig config = ConfigJson.Llama31.ReadLlama();

        Assert.Equal(new Llama3RopeScaling(8, 1, 4, 8192), config.RopeScaling);
        Assert.Equal((500_000d, 8), (config.RopeTheta, config.KeyValueHeadCount));
        Assert.Equal([128001, 128008, 128009], config.EndTokenIds);
    }

    [Fact]
    public void Read_Mistral_AsPublished()
    {
        LlamaConfig config = ConfigJson.Mistral.ReadLlama();

        Assert.Equal(("mistral", 128, 1e6, false), (config.ModelType, config.HeadDim, config.RopeTheta, config.QueryKeyValueBias));
    }

    [Fact]
    public void Read_Qwen2_HasBiasesOnQueryKeyAndValueOnly()
    {
        LlamaConfig config = ConfigJson.Qwen2.ReadLlama();

        Assert.Equal((64, true, false, false, true), (config.HeadDim, config.QueryKeyValueBias, config.OutputBias, config.MlpBias, config.TieWordEmbeddings));
    }

    [Fact]
    public void Read_AbsentOptionalKeys_HaveThePublishedDefaults()
    {
        LlamaConfig config = ConfigJson.Llama.With("{}", "num_key_value_heads", "rope_theta", "rope_scaling", "tie_word_embeddings", "hidden_act", "attention_bias", "bos_token_id").ReadLlama();

        Assert.Equal((32, 10_000d, false, false, null), (config.KeyValueHeadCount, config.RopeTheta, config.TieWordEmbeddings, config.OutputBias, config.BeginTokenId));
    }

    [Fact]
    public void Read_Biases_AreUnderstood()
    {
        LlamaConfig config = ConfigJson.Llama.With("""{"attention_bias":true,"mlp_bias":true}""").ReadLlama();

        Assert.Equal((true, true, true), (config.QueryKeyValueBias, config.OutputBias, config.MlpBias));
    }

    [Fact]
    public void Read_HeadDim_MayDifferFromHiddenOverHeads() =>
        Assert.Equal(128, ConfigJson.Mistral.With("""{"head_dim":128,"hidden_size":5121}""").ReadLlama().HeadDim);

    [Fact]
    public void Read_NewerSpelling_EqualsTheOlder()
    {
        LlamaConfig older = ConfigJson.Llama31.ReadLlama();
        LlamaConfig newer = ConfigJson.Llama31.With(
            """{"dtype":"bfloat16","rope_parameters":{"rope_theta":500000.0,"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}}""",
            "torch_dtype", "rope_scaling", "rope_theta").ReadLlama();

        Assert.Equal((older.RopeTheta, older.RopeScaling), (newer.RopeTheta, newer.RopeScaling));
    }

    [Fact]
    public void Read_DefaultRopeParameters_AreUnderstood()
    {
        LlamaConfig config = ConfigJson.Qwen2.With("""{"rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"}}""", "rope_theta").ReadLlama();

        Assert.Equal((1e6, null), (config.RopeTheta, config.RopeScaling));
    }

    [Fact]
    public void Read_LayerTypesOfFullAttention_AreUnderstood() =>
        ConfigJson.Qwen2.With("""{"num_hidden_layers":2,"layer_types":["full_attention","full_attention"]}""").ReadLlama();

    [Fact]
    public void Read_MistralWindowOfAllPositions_ChangesNothing() =>
        ConfigJson.Mistral.With("""{"sliding_window":32768}""").ReadLlama();

    [Theory]
    [InlineData(ConfigJson.Mistral, """{"sliding_window":4096}""", "Lower max_position_embeddings to 4096")]
    [InlineData(ConfigJson.Qwen2, """{"use_sliding_window":true}""", "'use_sliding_window' must be false")]
    [InlineData(ConfigJson.Qwen2, """{"layer_types":["sliding_attention"]}""", "'layer_types'")]
    [InlineData(ConfigJson.Qwen2, """{"use_mrope":true}""", "'use_mrope' must be false")]
    [InlineData(ConfigJson.Llama, """{"hidden_act":"gelu"}""", "'hidden_act' is 'gelu'; only silu")]
    [InlineData(ConfigJson.Llama, """{"rope_interleaved":true}""", "'rope_interleaved' must be false")]
    [InlineData(ConfigJson.Llama, """{"sliding_window":4096}""", "'sliding_window' is not understood for llama")]
    [InlineData(ConfigJson.Mistral, """{"attention_bias":true}""", "'attention_bias' is not understood for mistral")]
    [InlineData(ConfigJson.Qwen2, """{"mlp_bias":false}""", "'mlp_bias' is not understood for qwen2")]
    [InlineData(ConfigJson.Llama, """{"quantization_config":{"bits":4}}""", "'quantization_config' is not understood")]
    [InlineData(ConfigJson.Llama, """{"partial_rotary_factor":0.5}""", "'partial_rotary_factor' is not understood")]
    [InlineData(ConfigJson.Llama, """{"hidden_sizes":1}""", "'hidden_sizes' is not understood for llama; it may change what the model computes")]
    public void Read_WhatChangesTheModelAndIsNotDone_IsRefused(string config, string change, string expected) =>
        Assert.Contains(expected, config.With(change).Error());

    [Theory]
    [InlineData("""{"rope_scaling":{"type":"linear","factor":2.0}}""", "'linear' is not supported")]
    [InlineData("""{"rope_scaling":{"rope_type":"yarn","factor":2.0}}""", "'yarn' is not supported")]
    [InlineData("""{"rope_scaling":{"factor":2.0}}""", "'rope_scaling.factor' is not understood")]
    [InlineData("""{"rope_scaling":{"type":"default","rope_type":"llama3"}}""", "keep one")]
    [InlineData("""{"rope_scaling":"linear"}""", "'rope_scaling' is \"linear\"; it must be an object")]
    [InlineData("""{"rope_scaling":{"rope_type":"llama3"}}""", "'rope_scaling.low_freq_factor' is missing")]
    [InlineData("""{"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8192}}""", "'high_freq_factor' 4 must be over")]
    [InlineData("""{"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192,"beta":1}}""", "'rope_scaling.beta' is not understood")]
    [InlineData("""{"rope_parameters":{"rope_theta":5.0}}""", "keep one")]
    [InlineData("""{"rope_parameters":{"rope_type":"default"},"rope_scaling":{"type":"default"}}""", "keep one")]
    [InlineData("""{"rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}}""", "'rope_parameters.partial_rotary_factor' is not understood")]
    [InlineData("""{"rope_theta":0}""", "'rope_theta' is 0")]
    [InlineData("""{"rope_theta":-1}""", "'rope_theta' is -1")]
    [InlineData("""{"rope_theta":1e400}""", "'rope_theta' is 1e400")]
    public void Read_RotarySettingsThatAreNotDone_AreRefused(string change, string expected) =>
        Assert.Contains(expected, ConfigJson.Llama.With(change).Error());

    [Theory]
    [InlineData("""{"hidden_size":4097}""", "hidden_size 4097 is not a multiple of num_attention_heads 32")]
    [InlineData("""{"num_key_value_heads":5}""", "num_attention_heads 32 is not a multiple of num_key_value_heads 5")]
    [InlineData("""{"num_key_value_heads":64}""", "num_attention_heads 32 is not a multiple of num_key_value_heads 64")]
    [InlineData("""{"head_dim":63}""", "head size 63 is odd")]
    [InlineData("""{"hidden_size":32}""", "head size 1 is odd")]
    [InlineData("""{"hidden_size":0}""", "'hidden_size' is 0; it must be a whole number from 1")]
    [InlineData("""{"num_attention_heads":-1}""", "'num_attention_heads' is -1")]
    [InlineData("""{"vocab_size":4294967296}""", "'vocab_size' is 4294967296")]
    [InlineData("""{"num_hidden_layers":2.5}""", "'num_hidden_layers' is 2.5")]
    [InlineData("""{"num_hidden_layers":"32"}""", "'num_hidden_layers' is \"32\"")]
    [InlineData("""{"intermediate_size":2000000000}""", "'intermediate_size' is 2000000000")]
    [InlineData("""{"max_position_embeddings":true}""", "'max_position_embeddings' is true")]
    [InlineData("""{"rms_norm_eps":0}""", "'rms_norm_eps' is 0")]
    [InlineData("""{"rms_norm_eps":1}""", "'rms_norm_eps' is 1")]
    [InlineData("""{"tie_word_embeddings":"no"}""", "'tie_word_embeddings' is \"no\"; it must be true or false")]
    [InlineData("""{"hidden_act":7}""", "'hidden_act' is 7; it must be text")]
    [InlineData("""{"eos_token_id":32000}""", "'eos_token_id' is 32000; it must be a token id below vocab_size")]
    [InlineData("""{"eos_token_id":[2,-1]}""", "'eos_token_id' is [2,-1]")]
    [InlineData("""{"eos_token_id":"</s>"}""", "'eos_token_id'")]
    [InlineData("""{"bos_token_id":32000}""", "'bos_token_id' is 32000")]
    public void Read_ImpossibleValue_IsRefused(string change, string expected) =>
        Assert.Contains(expected, ConfigJson.Llama.With(change).Error());

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("num_hidden_layers")]
    [InlineData("num_attention_heads")]
    [InlineData("intermediate_size")]
    [InlineData("vocab_size")]
    [InlineData("rms_norm_eps")]
    [InlineData("max_position_embeddings")]
    [InlineData("eos_token_id")]
    public void Read_WithoutRequiredKey_NamesItAlone(string key)
    {
        string message = ConfigJson.Llama.With("{}", key).Error();

        Assert.StartsWith($"config.json: key '{key}' is missing", message);
    }

    [Fact]
    public void Read_SeveralProblems_ReportsAll()
    {
        string message = ConfigJson.Llama.With("""{"hidden_size":4097,"new_thing":1,"hidden_act":"relu","num_key_value_heads":5}""", "vocab_size").Error();

        Assert.Contains("5 problems", message);
        Assert.All(["4097", "'new_thing'", "'relu'", "num_key_value_heads 5", "'vocab_size' is missing"], part => Assert.Contains(part, message));
    }
}
