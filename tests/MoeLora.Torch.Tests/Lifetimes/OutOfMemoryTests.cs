using System.Runtime.InteropServices;
using MoeLora.Tensors;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Torch.Tests.Lifetimes;

/// <summary>Too little memory is an answer, and the end of nothing else.</summary>
public sealed class OutOfMemoryTests : IDisposable
{
    private readonly TorchDevice _device = TorchDevice.OpenCpu(Threads.One);

    public void Dispose() => _device.Dispose();

    [Fact]
    public void Allocate_MoreThanThereIs_SaysForWhatAndGoesOn()
    {
        // 8 PiB: more than an address has room for.
        var error = Assert.Throws<OutOfMemoryException>(() => _device.Allocate(DType.F32, 1 << 30, 1 << 21));
        Assert.Contains("f32 [1073741824, 2097152]", error.Message);
        Assert.Contains(_device.Name, error.Message);
        Assert.DoesNotContain("\n", error.Message);
        Assert.Throws<OutOfMemoryException>(() => _device.CreateKvPool(1 << 10, 1 << 10, 1 << 10, 128, 1 << 20));
        AssertWorks();
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB\nException raised from malloc", true)]
    [InlineData("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`", true)]
    [InlineData("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.", true)]
    [InlineData("CUDA error: an illegal memory access was encountered", false)]
    [InlineData("mat1 and mat2 shapes cannot be multiplied (4x5 and 6x7)", false)]
    public void Error_OfLibtorch_IsTakenForTooLittleMemoryOnlyWhereItIs(string message, bool expected)
        => Assert.Equal(expected, DeviceMemory.IsOut(new ExternalException(message)));

    private void AssertWorks()
    {
        using Tensor tensor = Matrix.Random(3, 40).Put(_device);
        Assert.Equal(Matrix.Random(3, 40).Values, Matrix.Read(tensor).Values);
    }
}
