using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Training;

/// <summary>The optimizer against numbers worked out by hand.</summary>
public class AdamWTests
{
    [Fact]
    public void AdamW_FirstStep_MovesByTheLearningRateAgainstTheGradientsSign()
    {
        // m̂ / √v̂ = g / |g| at step 1, whatever the gradient's size.
        foreach (Device device in (Device[])[new ReferenceDevice(), new CpuDevice(1)])
        {
            using Device owner = device;
            using Tensor parameter = new Matrix(1, 3, [1f, 1f, 1f]).Put(device), gradient = new Matrix(1, 3, [5f, -0.001f, 0f]).Put(device);
            using Tensor mean = device.Allocate(DType.F32, 1, 3), meanSquare = device.Allocate(DType.F32, 1, 3);
            device.AdamW(parameter, gradient, mean, meanSquare, new AdamWStep(1, 0.1f));
            // ε = 1e−8 beside 0.001 takes 1e−5 off the second's 0.1.
            Close([0.9f, 1.1f, 1f], Matrix.Read(parameter).Values, 1.5e-6);
            Close([0.5f, -0.0001f, 0f], Matrix.Read(mean).Values, 1e-6);
            Close([0.025f, 1e-9f, 0f], Matrix.Read(meanSquare).Values, 1e-6);
        }
    }

    [Fact]
    public void AdamW_ThreeSteps_FollowTheTrajectoryWorkedOutByHand()
    {
        // θ₀ = 1; gradients 1, 2, −1 after a scale of 0.5 of 2, 4, −2; β₁ 0.5, β₂ 0.5, ε 0, rate 0.1, decay 0.1:
        // t 1: m 0.5, v 0.5, m̂ 1, v̂ 1: θ = 1 − 0.1 · (1 + 0.1 · 1) = 0.89
        // t 2: m 1.25, v 2.25, m̂ 1.25/0.75, v̂ 2.25/0.75 = 3: θ = 0.89 − 0.1 · (1.6666667/1.7320508 + 0.089) = 0.78487497
        // t 3: m 0.125, v 1.625, m̂ 0.125/0.875, v̂ 1.625/0.875: θ = 0.78487497 − 0.1 · (0.14285714/1.3627703 + 0.078487497) = 0.76654339
        float[] expected = [0.89f, 0.78487497f, 0.76654339f], gradients = [2f, 4f, -2f];
        foreach (Device device in (Device[])[new ReferenceDevice(), new CpuDevice(1)])
        {
            using Device owner = device;
            using Tensor parameter = new Matrix(1, 1, [1f]).Put(device);
            using Tensor mean = device.Allocate(DType.F32, 1, 1), meanSquare = device.Allocate(DType.F32, 1, 1);
            for (int t = 1; t <= 3; t++)
            {
                using Tensor gradient = new Matrix(1, 1, [gradients[t - 1]]).Put(device);
                device.AdamW(parameter, gradient, mean, meanSquare, new AdamWStep(t, 0.1f, 0.5f, 0.5f, 0, 0.1f, 0.5f));
                // A few roundings of values near 1.
                Close([expected[t - 1]], Matrix.Read(parameter).Values, 5e-7);
            }
        }
    }

    [Fact]
    public void AdamW_NoGradient_OnlyDecays()
    {
        using var device = new CpuDevice(1);
        using Tensor parameter = new Matrix(1, 2, [2f, -4f]).Put(device), gradient = device.Allocate(DType.F32, 1, 2);
        using Tensor mean = device.Allocate(DType.F32, 1, 2), meanSquare = device.Allocate(DType.F32, 1, 2);
        device.AdamW(parameter, gradient, mean, meanSquare, new AdamWStep(7, 0.5f, WeightDecay: 0.1f));
        Close([1.9f, -3.8f], Matrix.Read(parameter).Values, 1e-6);
    }

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"element {i} is {actual[i]:R}, expected {expected[i]:R}");
    }
}
