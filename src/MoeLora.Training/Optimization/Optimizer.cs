using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Optimization;

/// <summary>AdamW over a set of parameters, with the moments it keeps. Owns the moments, not the parameters.</summary>
public sealed class Optimizer : IDisposable
{
    private readonly OptimizerSettings _settings;
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly List<(Tensor Mean, Tensor MeanSquare)> _moments = [];

    /// <summary>Moments of zero.</summary>
    public Optimizer(IReadOnlyList<Parameter> parameters, OptimizerSettings settings)
    {
        (_parameters, _settings) = (parameters, settings);
        foreach (Parameter parameter in parameters)
        {
            Tensor value = parameter.Value;
            _moments.Add((value.Device.Allocate(DType.F32, value.Rows, value.Columns), value.Device.Allocate(DType.F32, value.Rows, value.Columns)));
        }
    }

    /// <summary>First and second moment of each parameter, in their order.</summary>
    public IReadOnlyList<(Tensor Mean, Tensor MeanSquare)> Moments => _moments;

    /// <summary>The norm of all gradients together; NaN or infinite where one of them is.</summary>
    public double GradientNorm() => Math.Sqrt(_parameters.Sum(parameter => parameter.Value.Device.SumOfSquares(parameter.Gradient)));

    /// <summary>One step with the gradients as they are, clipped by <paramref name="gradientNorm"/>; clears the gradients.</summary>
    /// <param name="step">From 1.</param>
    /// <param name="steps">Of the whole run.</param>
    /// <param name="gradientNorm">What <see cref="GradientNorm"/> gave.</param>
    /// <returns>The learning rate of the step.</returns>
    public double Step(long step, long steps, double gradientNorm)
    {
        double rate = _settings.LearningRateOf(step, steps);
        double scale = _settings.ClipNorm is { } limit && gradientNorm > limit ? limit / gradientNorm : 1;
        for (int i = 0; i < _parameters.Count; i++)
        {
            Parameter parameter = _parameters[i];
            parameter.Value.Device.AdamW(
                parameter.Value, parameter.Gradient, _moments[i].Mean, _moments[i].MeanSquare,
                new AdamWStep(step, (float)rate, _settings.Beta1, _settings.Beta2, _settings.Epsilon, parameter.Decays ? _settings.WeightDecay : 0, (float)scale));
            parameter.ClearGradient();
        }
        return rate;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((Tensor mean, Tensor meanSquare) in _moments)
        {
            mean.Dispose();
            meanSquare.Dispose();
        }
    }
}
