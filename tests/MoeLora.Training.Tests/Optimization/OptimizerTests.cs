using MoeLora.Tensors.Cpu;
using MoeLora.Training.Optimization;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Optimization;

public sealed class OptimizerTests
{
    [Theory]
    [InlineData(1, 0.25)]
    [InlineData(2, 0.5)]
    [InlineData(4, 1)]
    [InlineData(5, 1)]
    [InlineData(8, 0.5)]
    [InlineData(10, 1 / 6.0)]
    public void LearningRate_RisesAndFallsLinearly(long step, double share) =>
        Assert.Equal(2e-3 * share, new OptimizerSettings { LearningRate = 2e-3, WarmupSteps = 4 }.LearningRateOf(step, 10), 1e-15);

    [Fact]
    public void LearningRate_WithoutWarmup_BeginsAtItsHighest() => Assert.Equal(2e-3, new OptimizerSettings { LearningRate = 2e-3 }.LearningRateOf(1, 10), 1e-15);

    [Fact]
    public void LearningRate_OfWarmupOnly_EndsAtItsHighest() =>
        Assert.Equal(2e-3, new OptimizerSettings { LearningRate = 2e-3, WarmupSteps = 10 }.LearningRateOf(10, 10), 1e-15);

    [Fact]
    public void GradientNorm_IsOverAllParameters()
    {
        using var device = new CpuDevice(threads: 1);
        using Parameter first = New(device, "a", 3), second = New(device, "b", 4);
        using var optimizer = new Optimizer([first, second], new OptimizerSettings());

        Assert.Equal(Math.Sqrt(2 * 9 + 2 * 16), optimizer.GradientNorm(), 1e-6);
    }

    [Theory]
    [InlineData(1.0, 10.0, 0.1)]
    [InlineData(1.0, 0.5, 1.0)]
    [InlineData(null, 10.0, 1.0)]
    public void Step_ScalesGradientsThatAreTooLong(double? limit, double norm, double scale)
    {
        using var device = new CpuDevice(threads: 1);
        using Parameter parameter = New(device, "a", 3);
        using var optimizer = new Optimizer([parameter], new OptimizerSettings { ClipNorm = limit });

        optimizer.Step(1, 10, norm);

        Assert.Equal(0.1 * 3 * scale, Parameter.ToArray(optimizer.Moments[0].Mean)[0], 1e-6); // (1 − β₁) · g
        Assert.All(parameter.GradientToArray(), g => Assert.Equal(0, g));
    }

    [Fact]
    public void Step_DecaysMatricesOnly()
    {
        using var device = new CpuDevice(threads: 1);
        using Parameter matrix = New(device, "a", 0), norm = New(device, "b", 0, decays: false);
        using var optimizer = new Optimizer([matrix, norm], new OptimizerSettings { LearningRate = 0.1, WeightDecay = 0.5f });

        double rate = optimizer.Step(1, 10, 0);

        Assert.Equal(0.1, rate);
        Assert.Equal(2 * (1 - 0.1 * 0.5), matrix.ToArray()[1], 1e-6);
        Assert.Equal(2, norm.ToArray()[1]);
    }

    [Fact]
    public void Settings_ListEverythingThatIsWrong()
    {
        var settings = new OptimizerSettings { LearningRate = double.NaN, WarmupSteps = 11, Beta1 = 1, Beta2 = float.NaN, Epsilon = 0, WeightDecay = -1, ClipNorm = 0 };

        Assert.Equal(
            ["learning_rate", "warmup_steps", "beta1", "beta2", "epsilon", "weight_decay", "clip_norm"],
            settings.FindProblems(10).Select(problem => problem.Split(' ')[0]));
        Assert.Empty(new OptimizerSettings().FindProblems(10));
    }

    private static Parameter New(CpuDevice device, string name, float gradient, bool decays = true)
    {
        var parameter = new Parameter(device, name, 1, 2, decays);
        parameter.Set([2, 2]);
        device.WriteRow([gradient, gradient], parameter.Gradient, 0);
        return parameter;
    }
}
