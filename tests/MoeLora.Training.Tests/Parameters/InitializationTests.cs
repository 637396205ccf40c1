using MoeLora.Tensors.Cpu;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Parameters;

public sealed class InitializationTests : IDisposable
{
    private readonly CpuDevice _device = new(threads: 1);

    public void Dispose() => _device.Dispose();

    [Fact]
    public void Values_DependOnNameAndSeedOnly()
    {
        float[] first = Normal("a", 1), other = Normal("b", 1);

        Assert.Equal(first, Normal("a", 1));
        Assert.NotEqual(first, other);
        Assert.NotEqual(first, Normal("a", 2));
        Assert.True(Math.Abs(Correlation(first, other)) < 0.04); // four standard deviations of unrelated numbers
    }

    [Fact]
    public void Normal_HasItsDeviation()
    {
        float[] values = Normal("a", 1);

        Assert.Equal(0, values.Average(), 4 * 0.5 / 100);
        Assert.Equal(0.5, Math.Sqrt(values.Average(v => (double)v * v)), 4 * 0.5 / Math.Sqrt(2 * 10_000)); // four standard deviations of an estimate
    }

    [Fact]
    public void Dense_IsUniformWithinTheRootOfItsColumns()
    {
        using var parameter = new Parameter(_device, "a", 100, 25);
        Initialization.Dense(parameter, 1);
        float[] values = parameter.ToArray();

        Assert.InRange(values.Max(), 0.198f, 0.2f);
        Assert.InRange(values.Min(), -0.2f, -0.198f);
        Assert.Equal(0.2 / Math.Sqrt(3), Math.Sqrt(values.Average(v => (double)v * v)), 0.004);
    }

    private float[] Normal(string name, int seed)
    {
        using var parameter = new Parameter(_device, name, 100, 100);
        Initialization.Normal(parameter, 0.5, seed);
        return parameter.ToArray();
    }

    private static double Correlation(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Average() / 0.25;
}
