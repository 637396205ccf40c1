using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors.Tests;

public sealed class DeviceKindsTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("cpu:0")]
    public void Open_Cpu_IsTheProcessesOwnCores(string name)
    {
        using Device device = DeviceKinds.Open(name, threads: 1);

        Assert.IsType<CpuDevice>(device);
    }

    [Fact]
    public void Open_KindThatWasAdded_GetsNumberAndThreads()
    {
        DeviceRequest? seen = null;
        DeviceKinds.Add("test-kind", request =>
        {
            seen = request;
            return new CpuDevice(1);
        });

        DeviceKinds.Open("test-kind:3", threads: 2).Dispose();

        Assert.Equal(new DeviceRequest(3, 2), seen);
    }

    [Theory]
    [InlineData("no-such-kind", "none of the devices that this program has")]
    [InlineData("no-such-kind:1", "cpu")]
    [InlineData("cpu:", "is no device")]
    [InlineData("cpu:one", "is no device")]
    [InlineData(":1", "is no device")]
    [InlineData("", "is no device")]
    public void FindProblem_NameOfNoDevice_SaysWhatThereIs(string name, string expected)
    {
        Assert.Contains(expected, DeviceKinds.FindProblem(name), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => DeviceKinds.Open(name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cuda:0")]
    public void Add_NameOfNoKind_Throws(string kind) => Assert.Throws<ArgumentException>(() => DeviceKinds.Add(kind, _ => new CpuDevice(1)));
}
