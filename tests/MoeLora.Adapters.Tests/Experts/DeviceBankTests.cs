using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Tests.Experts;

public sealed class DeviceBankTests
{
    [Theory]
    [InlineData(DType.F32, DType.F32)]
    [InlineData(DType.BF16, DType.BF16)]
    [InlineData(DType.Q8, DType.BF16)]
    public void ToDevice_Format_FollowsTheModels(DType weights, DType expected)
    {
        using var pack = new Pack("qwen2-tiny", weights);
        using DeviceBank bank = pack.ReadAdapter().ToDevice(pack.Model);

        Assert.Equal(expected, bank.Format);
        Assert.All(bank.Deltas.ByModule, delta => Assert.Equal((expected, expected), (delta!.A.DType, delta.B.DType)));
    }

    [Fact]
    public void ToDevice_F32_CopiesEveryElement()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        using DeviceBank bank = adapter.ToDevice(pack.Model);

        AdaptedModule adapted = adapter.Bank.Modules[^1];
        LowRankDelta delta = bank.Deltas.ByModule[adapted.Module.Index]!;
        Assert.Equal(adapted.A.ToArray(), Download(pack, delta.A));
        Assert.Equal(adapted.B.ToArray(), Download(pack, delta.B));
        Assert.Equal((adapter.Bank.Rank, 1), (bank.Deltas.Rank, bank.Deltas.GateSlots));
    }

    [Fact]
    public void ToDevice_AnotherModel_IsRefused()
    {
        using var pack = new Pack("llama-tiny");
        using var other = new Pack("qwen2-tiny");
        Adapter adapter = pack.ReadAdapter();

        Assert.Throws<ArgumentException>(() => adapter.ToDevice(other.Model));
    }

    [Fact]
    public void ToDevice_Q8_IsRefusedBeforeAnythingIsCopied()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();

        ArgumentException error = Assert.Throws<ArgumentException>(() => adapter.ToDevice(pack.Model, DType.Q8));

        Assert.Equal("format", error.ParamName);
    }

    [Fact]
    public void Open_AdapterOfAnotherModel_ListsEveryModule()
    {
        using var pack = new Pack("llama-tiny");
        using var other = new Pack("chatglm-tiny");

        var e = Assert.Throws<AdapterException>(() => Adapters.Import.AdapterReader.Open(other.AdapterPath, pack.Model.LinearModules));

        Assert.Equal(8, e.Problems.Count(p => p.Contains("the base model has no such module", StringComparison.Ordinal)));
        Assert.Equal(4, e.Problems.Count(p => p.Contains("names no module of the base model", StringComparison.Ordinal)));
    }

    private static float[] Download(Pack pack, Tensor tensor)
    {
        float[] values = new float[tensor.Rows * tensor.Columns];
        for (int row = 0; row < tensor.Rows; row++)
            pack.Model.Device.Download(tensor, row, values.AsSpan(row * tensor.Columns, tensor.Columns));
        return values;
    }
}
