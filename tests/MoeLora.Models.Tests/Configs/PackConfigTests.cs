using MoeLora.Models.Configs;
using MoeLora.Models.Tests.Checkpoints;

namespace MoeLora.Models.Tests.Configs;

public sealed class PackConfigTests
{
    [Fact]
    public void Read_ChatGlmPack_AsPublished()
    {
        var config = Assert.IsType<ChatGlmConfig>(ModelConfigReader.Read(TestFiles.Path("chatglm-tiny")));

        Assert.Equal((320, 64, 256, 2, 4, 16), (config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.LayerCount, config.HeadCount, config.HeadDim));
        Assert.Equal((316, 315, 314, 3), (config.StartTokenId, config.GMaskTokenId, config.MaskTokenId, config.PadTokenId));
        Assert.Equal([317], config.EndTokenIds);
        Assert.Equal((256, 1e-5f, null), (config.MaxPositions, config.NormEpsilon, config.BeginTokenId));
    }

    [Fact]
    public void Read_LlamaPack_AsPublished()
    {
        var config = Assert.IsType<LlamaConfig>(ModelConfigReader.Read(TestFiles.Path("llama-tiny")));

        Assert.Equal((320, 64, 176, 2, 4, 2, 16), (config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.LayerCount, config.HeadCount, config.KeyValueHeadCount, config.HeadDim));
        Assert.Equal((10_000d, false, false, false, false), (config.RopeTheta, config.QueryKeyValueBias, config.OutputBias, config.MlpBias, config.TieWordEmbeddings));
        Assert.Equal([2], config.EndTokenIds);
        Assert.Equal((256, 1e-5f, 1), (config.MaxPositions, config.NormEpsilon, config.BeginTokenId));
    }

    [Fact]
    public void Read_Qwen2Pack_AsPublished()
    {
        var config = Assert.IsType<LlamaConfig>(ModelConfigReader.Read(TestFiles.Path("qwen2-tiny")));

        Assert.Equal((1e6, true, false, false, true), (config.RopeTheta, config.QueryKeyValueBias, config.OutputBias, config.MlpBias, config.TieWordEmbeddings));
        Assert.Equal((160, 2, 512, 1e-6f), (config.IntermediateSize, config.KeyValueHeadCount, config.MaxPositions, config.NormEpsilon));
    }
}
