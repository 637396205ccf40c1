using MoeLora.Tensors;
using MoeLora.Tensors.Reference;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Torch.Tests;

/// <summary>Products in 16 bits, as a GPU makes them by default.</summary>
public sealed class HalfProductTests : IDisposable
{
    private readonly TorchDevice _device = Opened(new TorchOptions { HalfProducts = true });
    private readonly ReferenceDevice _reference = new();

    public void Dispose()
    {
        _device.Dispose();
        _reference.Dispose();
    }

    [Theory]
    [InlineData(DType.BF16, 8)]
    [InlineData(DType.F16, 11)]
    public void Linear_HalfProducts_AreRightToTheFormatsDigits(DType dtype, int digits)
    {
        foreach (int rows in new[] { 1, 5, 70 })
        {
            Matrix expected = Run(_reference, rows, dtype), actual = Run(_device, rows, dtype);
            // Sums of 200 products of about 2/√200: 2 in size. Inputs and results are rounded to half a step of the format, twice for a delta.
            double tolerance = 4 * Math.Pow(2, -digits) * 2;
            for (int i = 0; i < expected.Values.Length; i++)
                Assert.Equal(expected.Values[i], actual.Values[i], tolerance);
        }
    }

    [Fact]
    public void Linear_HalfProducts_EveryRowOfEveryCallAsAlone()
    {
        Matrix all = Run(_device, 40, DType.BF16);
        for (int row = 0; row < 40; row += 13)
        {
            using Tensor input = _device.Allocate(DType.F32, 1, 200), gate = _device.Allocate(DType.F32, 1, 8);
            _device.WriteRow(Matrix.Random(40, 200)[row], input, 0);
            _device.WriteRow(Matrix.Random(40, 8, 1, seed: 4)[row], gate, 0);
            Assert.Equal(all[row].ToArray(), Run(_device, input, gate, 1, DType.BF16).Values);
        }
    }

    private static TorchDevice Opened(TorchOptions options) => TorchDevice.CudaDevices() > 0 ? TorchDevice.OpenCuda(0, options) : TorchDevice.OpenCpu(options with { Threads = 1 });

    private static Matrix Run(Device device, int rows, DType dtype)
    {
        using Tensor input = Matrix.Random(rows, 200).Put(device), gate = Matrix.Random(rows, 8, 1, seed: 4).Put(device);
        return Run(device, input, gate, rows, dtype);
    }

    private static Matrix Run(Device device, Tensor input, Tensor gate, int rows, DType dtype)
    {
        float scale = 2 / MathF.Sqrt(200);
        using Tensor weight = Matrix.Random(30, 200, scale, seed: 1).Put(device, dtype), output = device.Allocate(DType.F32, rows, 30);
        using Tensor a = Matrix.Random(8, 200, scale, seed: 2).Put(device, dtype), b = Matrix.Random(30, 8, 0.3f, seed: 3).Put(device, dtype);
        device.Linear(input, rows, [new LinearCall { Weight = weight, Output = output, Delta = new LowRankDelta(a, b), Gate = gate }], LinearOrder.Few);
        return Matrix.Read(output);
    }
}
