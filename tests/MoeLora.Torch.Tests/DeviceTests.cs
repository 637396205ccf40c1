using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Torch.Tests;

/// <summary>How a device is named and opened.</summary>
public sealed class DeviceTests
{
    [Fact]
    public void Kinds_Added_OpenByName()
    {
        AddKinds();
        using Device device = DeviceKinds.Open(TorchDevice.CpuKind, threads: 1);
        Assert.Equal("torch cpu (1 thread)", device.Name);
        Assert.Null(DeviceKinds.FindProblem("cuda:1"));
    }

    [Fact]
    public void Open_GpuThatIsNotThere_SaysWhatThereIs()
    {
        AddKinds();
        string message = Assert.Throws<IOException>(() => DeviceKinds.Open("cuda:99")).Message;
        Assert.StartsWith("cuda:99 cannot be opened", message);
        Assert.Contains(TorchDevice.CudaDevices() == 0 ? "no GPU" : "cuda:0", message);
    }

    [Fact]
    public void Operations_OnATensorOfAnotherDevice_AreRefused()
    {
        using TorchDevice one = TorchDevice.OpenCpu(Threads.One), two = TorchDevice.OpenCpu();
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
        using TorchDevice device = TorchDevice.OpenCpu(Threads.One);
        Tensor tensor = device.Allocate(DType.F32, 2, 3);
        tensor.Dispose();
        tensor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => device.Softmax(tensor, 2));
    }

    private static void AddKinds()
    {
        foreach ((string kind, Func<DeviceRequest, Device> open) in TorchDevice.Kinds)
            DeviceKinds.Add(kind, open);
    }
}
