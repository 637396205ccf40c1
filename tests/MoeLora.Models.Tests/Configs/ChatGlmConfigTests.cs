using MoeLora.Models.Configs;

namespace MoeLora.Models.Tests.Configs;

public sealed class ChatGlmConfigTests
{
    [Fact]
    public void Read_ChatGlm6B_AsPublished()
    {
        ChatGlmConfig config = ConfigJson.ChatGlm.ReadChatGlm();

        Assert.Equal(("chatglm", 130528, 4096, 16384, 28, 32, 32, 128, 2048), (config.ModelType, config.VocabularySize, config.HiddenSize, config.IntermediateSize,
            config.LayerCount, config.HeadCount, config.KeyValueHeadCount, config.HeadDim, config.MaxPositions));
        Assert.Equal((130004, 130001, 130000, 3), (config.StartTokenId, config.GMaskTokenId, config.MaskTokenId, config.PadTokenId));
        Assert.Equal([130005], config.EndTokenIds);
    }

    [Theory]
    [InlineData("""{"quantization_bit":0,"pre_seq_len":null,"prefix_projection":false}""")]
    [InlineData("""{"pre_seq_len":0,"tie_word_embeddings":false}""")]
    public void Read_SettingsThatAreOff_ChangeNothing(string change) =>
        Assert.Equal(28, ConfigJson.ChatGlm.With(change).ReadChatGlm().LayerCount);

    [Theory]
    [InlineData("""{"quantization_bit":4}""", "'quantization_bit' must be 0")]
    [InlineData("""{"pre_seq_len":128}""", "'pre_seq_len' must be 0 or absent")]
    [InlineData("""{"prefix_projection":true}""", "'prefix_projection' must be false")]
    [InlineData("""{"position_encoding_2d":false}""", "'position_encoding_2d' must be true")]
    [InlineData("""{"tie_word_embeddings":true}""", "lm_head.weight")]
    [InlineData("""{"multi_query_attention":true}""", "'multi_query_attention' is not understood for chatglm")]
    [InlineData("""{"hidden_size":4100}""", "hidden_size 4100 is not a multiple of 4 × num_attention_heads 32")]
    [InlineData("""{"hidden_size":64}""", "hidden_size 64 is not a multiple of 4 × num_attention_heads 32")]
    [InlineData("""{"gmask_token_id":130528}""", "'gmask_token_id' is 130528; it must be a whole number from 0 to 130527")]
    [InlineData("""{"bos_token_id":-1}""", "'bos_token_id' is -1")]
    [InlineData("""{"layernorm_epsilon":"1e-5"}""", "'layernorm_epsilon'")]
    public void Read_WhatIsNotDoneOrImpossible_IsRefused(string change, string expected) =>
        Assert.Contains(expected, ConfigJson.ChatGlm.With(change).Error());

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("num_layers")]
    [InlineData("num_attention_heads")]
    [InlineData("vocab_size")]
    [InlineData("max_sequence_length")]
    [InlineData("layernorm_epsilon")]
    [InlineData("position_encoding_2d")]
    [InlineData("bos_token_id")]
    [InlineData("eos_token_id")]
    [InlineData("gmask_token_id")]
    [InlineData("mask_token_id")]
    [InlineData("pad_token_id")]
    public void Read_WithoutRequiredKey_NamesItAlone(string key) =>
        Assert.StartsWith($"config.json: key '{key}' is missing", ConfigJson.ChatGlm.With("{}", key).Error());

    [Fact]
    public void Read_ChatGlm2_SaysThatItIsAnotherArchitecture()
    {
        string message = """{"model_type":"chatglm","num_layers":28,"padded_vocab_size":65024,"multi_query_attention":true,"rmsnorm":true}""".Error();

        Assert.Contains("ChatGLM2", message);
    }
}
