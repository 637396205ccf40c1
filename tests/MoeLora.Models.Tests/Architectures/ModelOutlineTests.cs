using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Tensors.Reference;

namespace MoeLora.Models.Tests.Architectures;

public sealed class ModelOutlineTests
{
    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void Of_ConfigOfAPack_IsWhatTheLoadedModelHas(string pack)
    {
        using var device = new ReferenceDevice();
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);

        ModelOutline outline = ModelOutline.Of(ModelConfigReader.Read(Pack.Directory(pack)));

        Assert.Equal(model.LinearModules, outline.LinearModules);
        Assert.Equal(model.ParameterCount, outline.ParameterCount);
    }

    [Fact]
    public void Require_CheckpointOfAnotherModel_ListsTheDifferences()
    {
        ModelOutline outline = ModelOutline.Of(ModelConfigReader.Read(Pack.Directory("llama-tiny")));
        using Checkpoint other = Checkpoint.Open(Pack.Directory("qwen2-tiny"));

        string message = Assert.Throws<CheckpointException>(() => outline.Require(other)).Message;

        Assert.Contains("missing: lm_head.weight", message);
        Assert.Contains("unexpected: 'model.layers.0.self_attn.q_proj.bias'", message);
    }
}
