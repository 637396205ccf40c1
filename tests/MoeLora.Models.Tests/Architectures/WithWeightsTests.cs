using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class WithWeightsTests
{
    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void WithWeights_CopyOfOneWeight_SameLogitsAndLeavesTheParentAlone(string pack)
    {
        Device device = Pack.Device("reference");
        using CausalModel parent = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[0];
        float[][] expected = parent.Prefill(prompt);

        using (CausalModel child = parent.WithWeights(new Dictionary<int, Tensor> { [1] = Copy(parent, parent.LinearModules[1], factor: 1) }))
            Assert.Equal(0, Stepping.Distance(expected, child.Prefill(prompt)));

        Assert.Equal(0, Stepping.Distance(expected, parent.Prefill(prompt)));
    }

    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void WithWeights_EachModuleInTurn_ChangesTheLogits(string pack)
    {
        Device device = Pack.Device("reference");
        using CausalModel parent = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[0];
        float[][] bare = parent.Prefill(prompt);

        foreach (LinearModule module in parent.LinearModules)
        {
            using CausalModel child = parent.WithWeights(new Dictionary<int, Tensor> { [module.Index] = Copy(parent, module, factor: 1.5f) });

            Assert.True(Stepping.Distance(bare, child.Prefill(prompt)) > 1e-3f, module.Name);
            Assert.NotSame(parent.Weight(module), child.Weight(module));
        }
    }

    [Fact]
    public void WithWeights_ResidentBytes_CountsOnlyTheGivenWeights()
    {
        Device device = Pack.Device("reference");
        using CausalModel parent = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        Tensor weight = Copy(parent, parent.LinearModules[0], factor: 1);

        using CausalModel child = parent.WithWeights(new Dictionary<int, Tensor> { [0] = weight });

        Assert.Equal(weight.ResidentBytes, child.ResidentBytes);
    }

    [Fact]
    public void WithWeights_WrongShapeOrModule_Throws()
    {
        Device device = Pack.Device("reference");
        using CausalModel parent = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using Tensor weight = device.Allocate(DType.F32, 3, 5);

        Assert.Throws<ArgumentException>(() => parent.WithWeights(new Dictionary<int, Tensor> { [0] = weight }));
        Assert.Throws<ArgumentException>(() => parent.WithWeights(new Dictionary<int, Tensor> { [99] = weight }));
    }

    private static Tensor Copy(CausalModel model, LinearModule module, float factor)
    {
        Tensor copy = model.Device.Allocate(DType.F32, module.OutFeatures, module.InFeatures);
        float[] row = new float[module.InFeatures];
        for (int i = 0; i < module.OutFeatures; i++)
        {
            model.Device.Download(model.Weight(module), i, row);
            foreach (ref float value in row.AsSpan())
                value *= factor;
            model.Device.WriteRow(row, copy, i);
        }
        return copy;
    }
}
