using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Cpu;

public sealed unsafe class CpuTensorTests : IDisposable
{
    private readonly CpuDevice _device = new(1);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData(DType.F32, 1, 32, 128)]
    [InlineData(DType.F32, 32, 32, 128)]
    [InlineData(DType.F32, 33, 64, 256)]
    [InlineData(DType.BF16, 1, 16, 32)]
    [InlineData(DType.F16, 17, 32, 64)]
    [InlineData(DType.Q8, 32, 32, 128)] // 2 bytes of scale and 32 quants, each padded to 64
    [InlineData(DType.Q8, 1024, 1024, 64 + 1024)]
    [InlineData(DType.Q8, 1025, 1056, 128 + 1088)]
    public void New_AnyShape_PadsRows(DType dtype, int columns, int paddedColumns, long stride)
    {
        using var tensor = (CpuTensor)_device.Allocate(dtype, 3, columns);
        Assert.Equal(paddedColumns, tensor.PaddedColumns);
        Assert.Equal(stride, tensor.Stride);
        Assert.Equal(3 * stride, tensor.ResidentBytes);
        Assert.Equal(0, (long)tensor.Data % 64);
        Assert.False(new ReadOnlySpan<byte>(tensor.Data, (int)tensor.ResidentBytes).ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void EveryOperation_WithNaNAndInfinity_LeavesPaddingZero(int lanes)
    {
        using var device = new CpuDevice(1) { Lanes = lanes };
        foreach (float special in new[] { 1f, float.NaN, float.PositiveInfinity })
        {
            foreach (int columns in new[] { 1, 5, 17, 40, 70 })
            {
                var filled = new Matrix(2, columns, [.. Enumerable.Repeat(special, 2 * columns)]);
                Check("rms norm", filled, (t, w) => device.RmsNorm(t, w, 1e-6f, t, 2));
                Check("layer norm", filled, (t, w) => device.LayerNorm(t, w, w, 1e-6f, t, 2));
                Check("silu gate", filled, (t, _) => device.SiluGate(t, t, t, 2));
                Check("gelu tanh", filled, (t, _) => device.Gelu(t, t, 2, GeluKind.Tanh));
                Check("gelu erf", filled, (t, _) => device.Gelu(t, t, 2, GeluKind.Erf));
                Check("softmax", filled, (t, _) => device.Softmax(t, 2));
                Check("embed", filled, (t, w) => device.Embed(w, [0, 0], t));
                using Tensor q8 = filled.Put(device, DType.Q8);
                Check("embed q8", filled, (t, _) => device.Embed(q8, [0, 1], t));
                Check("gather", filled, (t, w) => device.GatherRows(w, [0, 0], t));
            }
        }

        void Check(string name, Matrix filled, Action<Tensor, Tensor> operation)
        {
            using var tensor = (CpuTensor)filled.Put(device);
            using Tensor weight = (filled with { Rows = 1, Values = filled.Values[..filled.Columns] }).Put(device);
            operation(tensor, weight);
            for (int row = 0; row < 2; row++)
            {
                var padding = new ReadOnlySpan<float>(tensor.F32Row(row) + tensor.Columns, tensor.PaddedColumns - tensor.Columns);
                Assert.False(padding.ContainsAnyExcept(0f), $"{name} of {filled.Values[0]} x {filled.Columns} wrote padding");
            }
        }
    }

    [Fact]
    public void Data_AfterDispose_Refused()
    {
        var tensor = (CpuTensor)_device.Allocate(DType.F32, 1, 1);
        tensor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)tensor.Data);
    }
}
