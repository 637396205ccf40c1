using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Cpu;

public class CpuDeviceTests
{
    [Fact]
    public void Name_TellsVectorsAndThreads()
    {
        using CpuDevice one = new(1) { Lanes = 8 }, two = new(2);
        Assert.Equal("cpu (avx2, 1 thread)", one.Name);
        Assert.EndsWith(", 2 threads)", two.Name);
    }

    [Fact]
    public void Attention_AnyNumberOfThreads_IsBitEqual()
    {
        // One row over a long context is divided by key blocks when there are threads; the result must not tell.
        const int dim = 64, heads = 4, past = 1500;
        float[][] results = [.. new[] { 1, 2, 3 }.Select(threads =>
        {
            using var device = new CpuDevice(threads);
            using KvCache cache = device.CreateKvCache(1, 1, dim, past + 1);
            using Tensor rows = Matrix.Random(past + 1, heads * dim, 3).Put(device), output = device.Allocate(DType.F32, past + 1, heads * dim);
            var keys = new HeadView(rows, 0, dim, 1, dim);
            device.StoreKv(keys, keys, 0, [new AttentionSpan { Cache = cache, RowCount = past + 1 }]);
            device.Attention(new HeadView(rows, 0, dim, heads, dim), 0, [new AttentionSpan { Cache = cache, RowCount = 1, Past = past }], 0.2f, output);
            return Matrix.Read(output)[0].ToArray();
        })];
        Assert.Equal(results[0], results[1]);
        Assert.Equal(results[0], results[2]);
    }

    [Fact]
    public void Operation_TensorOfAnotherKind_RefusedByName()
    {
        using var device = new CpuDevice(1);
        using Tensor ours = device.Allocate(DType.F32, 1, 4), foreign = new ForeignTensor(device);
        var error = Assert.Throws<ArgumentException>(() => device.GatherRows(foreign, [0], ours));
        Assert.Contains("f32 [1, 4]", error.Message);
    }

    private sealed class ForeignTensor(Device device) : Tensor(device, DType.F32, 1, 4)
    {
        public override long ResidentBytes => 0;

        public override void Dispose()
        {
        }
    }
}
