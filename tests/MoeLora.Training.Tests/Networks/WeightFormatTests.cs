using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Networks;

public sealed class WeightFormatTests
{
    // Weights of 8 bits are off by 0.2 % of themselves at most in bfloat16, and by about 0.4 % of their own size in the mean in Q8; two layers
    // of random weights make ten times that of it.
    [Theory]
    [InlineData(TinyModel.Llama, DType.BF16, 0.02)]
    [InlineData(TinyModel.Tied, DType.BF16, 0.02)]
    [InlineData(TinyModel.ChatGlm, DType.BF16, 0.02)]
    [InlineData(TinyModel.Llama, DType.Q8, 0.1)]
    [InlineData(TinyModel.Tied, DType.Q8, 0.1)]
    [InlineData(TinyModel.ChatGlm, DType.Q8, 0.1)]
    public void Gradient_OverABaseOfFewerBits_IsThatOfTheRoundedWeights(string kind, DType format, double tolerance)
    {
        using var model = new TinyModel(kind);
        using var device = new CpuDevice(threads: 1);
        float[] gradient = Gradient(model, device, format), f32 = Gradient(model, device, DType.F32);
        using (Network network = model.Train(device))
            model.WriteWeights(network.Parameters.ToDictionary(p => p.Name, p => p.Decays ? Round(p.Value, format) : p.ToArray()));

        float[] rounded = Gradient(model, device, DType.F32);

        Assert.True(Distance(rounded, gradient) < 1e-5); // products of the same numbers; sums may be in another order
        Assert.InRange(Distance(f32, gradient), 1e-5, tolerance);
    }

    private static float[] Gradient(TinyModel model, Device device, DType weights)
    {
        using Network network = model.Freeze(device, weights);
        using Adaptation adaptation = TinyMethods.Create("shared", network);
        network.Accumulate(TinyModel.Pack(model.Samples(network)), adaptation, 1, 1);
        return [.. adaptation.Parameters.SelectMany(parameter => parameter.GradientToArray())];
    }

    private static double Distance(float[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (e, a) => ((double)e - a) * ((double)e - a)).Sum() / expected.Sum(e => (double)e * e));

    /// <summary>The values that the device keeps of a matrix in this format.</summary>
    private static unsafe float[] Round(Tensor matrix, DType format)
    {
        using Tensor kept = matrix.Device.Allocate(format, matrix.Rows, matrix.Columns);
        fixed (float* values = Parameter.ToArray(matrix))
            matrix.Device.Upload(new TensorView(values, DType.F32, matrix.Rows, matrix.Columns), kept);
        return Parameter.ToArray(kept);
    }
}
