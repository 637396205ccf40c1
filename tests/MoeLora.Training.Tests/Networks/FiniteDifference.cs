using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Networks;

/// <summary>Holds a gradient g against differences of the loss.</summary>
internal static class FiniteDifference
{
    // The loss is a sum of float32 results of a few nats each.
    private const double LossNoise = 2e-6;

    /// <summary>
    /// Along a direction of random signs d, the derivative g · d is about as large as |g|. It is compared with the central difference of fourth
    /// order. One wrong element of n errs by about 2·|g|/√n, which for the tensors here (n at most 432) is 10 %; the tolerance of 0.5 % is for
    /// curvature, and the rest for the noise of the loss.
    /// </summary>
    public static void Check(Parameter parameter, Func<double> loss, Random random)
    {
        float[] gradient = parameter.GradientToArray(), values = parameter.ToArray();
        float[] direction = Array.ConvertAll(values, _ => random.Next(2) == 0 ? -1f : 1f);
        double expected = gradient.Zip(direction, (g, d) => (double)g * d).Sum();
        double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
        Assert.True(norm > 0, $"{parameter.Name}: the gradient is zero.");
        double step = Math.Min(0.01 / norm, 0.01), noise = LossNoise / step;
        Assert.True(noise < 0.05 * norm, $"{parameter.Name}: the gradient of {norm:g3} is too small to be checked.");

        double actual = (8 * (At(step) - At(-step)) - (At(2 * step) - At(-2 * step))) / (12 * step);

        parameter.Set(values);
        Assert.True(Math.Abs(actual - expected) <= 0.005 * norm + noise, $"{parameter.Name}: the derivative is {actual:g6}, the gradient says {expected:g6} (norm {norm:g3}).");

        double At(double distance)
        {
            parameter.Set([.. values.Zip(direction, (value, d) => (float)(value + distance * d))]);
            return loss();
        }
    }
}
