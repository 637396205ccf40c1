using MoeLora.Tensors.Reference;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests.Gradients;

/// <summary>
/// Compares a backward operation of <see cref="ReferenceDevice"/> with differences of its forward operation. The loss is a sum of the outputs with
/// fixed random weights, which are the output's gradient.
/// </summary>
/// <remarks>
/// f′ ≈ (8 · (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h, off by h⁴/30 · f⁽⁵⁾. With h = 1/32 that is 3e−8 · f⁽⁵⁾, where f⁽⁵⁾ is below 100 for these values.
/// Outputs are computed in double but stored as floats: some ten of them, up to 2 large and off by 2⁻²⁴ each, give a loss that is off by 4e−7, and a
/// quotient that is off by 1.5 · 4e−7 / h = 2e−5. Inputs are multiples of 2⁻¹², so that moving them by h is exact.
/// </remarks>
internal sealed class GradientCheck : IDisposable
{
    private const float Step = 1f / 32;
    private const double Tolerance = 5e-5;

    private readonly ReferenceDevice _device = new();

    public void Dispose() => _device.Dispose();

    /// <summary>Multiples of 2⁻¹² in [−1, 1], seeded.</summary>
    public static Matrix Values(int rows, int columns, int seed = 0)
    {
        Matrix values = Matrix.Random(rows, columns, 1, seed);
        for (int i = 0; i < values.Values.Length; i++)
            values.Values[i] = MathF.Round(values.Values[i] * 4096) / 4096;
        return values;
    }

    /// <summary>Checks the gradients of all inputs.</summary>
    /// <param name="inputs">Where.</param>
    /// <param name="outputColumns">Columns of the output, which has as many rows as <paramref name="outputRows"/> says.</param>
    /// <param name="outputRows"></param>
    /// <param name="forward">Reads the inputs, writes the output.</param>
    /// <param name="backward">Reads the inputs and the output's gradient, and adds to the inputs' gradients.</param>
    public void Agree(
        Matrix[] inputs, int outputRows, int outputColumns, Action<Device, Tensor[], Tensor> forward, Action<Device, Tensor[], Tensor, Tensor[]> backward)
    {
        Matrix weights = Values(outputRows, outputColumns, seed: 100);
        Agree(inputs, Loss, (tensors, gradients) =>
        {
            using Tensor upper = weights.Put(_device);
            backward(_device, tensors, upper, gradients);
        });

        double Loss(Tensor[] tensors)
        {
            using Tensor output = _device.Allocate(DType.F32, outputRows, outputColumns);
            forward(_device, tensors, output);
            return Matrix.Read(output).Values.Zip(weights.Values, (value, weight) => (double)value * weight).Sum();
        }
    }

    /// <summary>The same for an operation that gives the loss itself.</summary>
    public void Agree(Matrix[] inputs, Func<Device, Tensor[], double> loss, Action<Device, Tensor[], Tensor[]> backward)
        => Agree(inputs, tensors => loss(_device, tensors), (tensors, gradients) => backward(_device, tensors, gradients));

    private void Agree(Matrix[] inputs, Func<Tensor[], double> loss, Action<Tensor[], Tensor[]> backward)
    {
        // Not zero: a gradient is added to what is there.
        Matrix[] before = [.. inputs.Select((input, i) => Values(input.Rows, input.Columns, 200 + i))];
        Tensor[] tensors = [.. inputs.Select(input => input.Put(_device))], gradients = [.. before.Select(matrix => matrix.Put(_device))];
        backward(tensors, gradients);
        for (int i = 0; i < inputs.Length; i++)
        {
            Matrix after = Matrix.Read(gradients[i]);
            for (int at = 0; at < inputs[i].Values.Length; at++)
            {
                double slope = (8 * (Moved(i, at, Step) - Moved(i, at, -Step)) - (Moved(i, at, 2 * Step) - Moved(i, at, -2 * Step))) / (12 * Step);
                double gradient = (double)after.Values[at] - before[i].Values[at];
                Assert.True(Math.Abs(gradient - slope) <= Tolerance, $"input {i}, element {at}: the gradient is {gradient:R}, the slope {slope:R}");
            }
        }

        double Moved(int input, int at, float by)
        {
            Matrix moved = inputs[input] with { Values = [.. inputs[input].Values] };
            moved.Values[at] += by;
            using Tensor tensor = moved.Put(_device);
            return loss([.. tensors.Select((other, i) => i == input ? tensor : other)]);
        }
    }
}
