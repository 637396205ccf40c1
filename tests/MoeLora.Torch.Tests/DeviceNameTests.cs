using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Torch.Tests;

/// <summary>How a device is named and opened.</summary>
public sealed class DeviceNameTests
{
    [Theory]
    [InlineData("torch-cpu", true)]
    [InlineData("cuda", true)]
    [InlineData("cuda:0", true)]
    [InlineData("cuda:13", true)]
    [InlineData("cuda:", false)]
    [InlineData("cuda:-1", false)]
    [InlineData("cuda:one", false)]
    [InlineData("cpu", false)]
    [InlineData("", false)]
    public void IsName_OfText_IsWhetherItCanBeOpened(string name, bool expected) => Assert.Equal(expected, TorchDevice.IsName(name));

    [Fact]
    public void Open_UnknownName_NamesThoseThatThereAre()
    {
        string message = Assert.Throws<ArgumentException>(() => TorchDevice.Open("gpu")).Message;
        Assert.Contains("torch-cpu", message);
        Assert.Contains("cuda:0", message);
    }

    [Fact]
    public void Open_GpuThatIsNotThere_SaysHowManyThereAre()
    {
        string message = Assert.Throws<NotSupportedException>(() => TorchDevice.Open("cuda:99")).Message;
        Assert.Contains(TorchDevice.CudaDevices() == 0 ? "no GPU" : "cuda:0", message);
    }

    [Fact]
    public void Operations_OnATensorOfAnotherDevice_AreRefused()
    {
        using TorchDevice one = TorchDevice.Open("torch-cpu"), two = TorchDevice.Open("torch-cpu");
        using var cpu = new CpuDevice(1);
        foreach (Device other in (Device[])[two, cpu])
        {
            using Tensor tensor = Matrix.Random(2, 3).Put(other);
            Assert.Contains(other.Name, Assert.Throws<ArgumentException>(() => one.Softmax(tensor, 2)).Message);
        }
    }

    [Fact]
    public void Tensor_Disposed_IsRefused()
    {
        using TorchDevice device = TorchDevice.Open("torch-cpu");
        Tensor tensor = device.Allocate(DType.F32, 2, 3);
        tensor.Dispose();
        tensor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => device.Softmax(tensor, 2));
    }
}
