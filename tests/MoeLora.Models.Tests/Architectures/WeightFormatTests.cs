using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class WeightFormatTests
{
    // Root mean square relative error of a rounded normal weight: f16 2e-4 (2^-11 spread evenly within a binade), bf16 1.6e-3 (8 times that),
    // q8 5e-3 (a step of max/127 with max = 2.2 standard deviations in a block of 32, over √12). Each of the two layers adds a few such
    // errors in quadrature; four times one weight's error covers them. A q8 product may round its activations to 8 bits as well: six times.
    private const double F16 = 4 * 2e-4;
    private const double BF16 = 4 * 1.6e-3;
    private const double Q8 = 6 * 5e-3;

    [Theory]
    [InlineData("chatglm-tiny", DType.F16, F16)]
    [InlineData("chatglm-tiny", DType.BF16, BF16)]
    [InlineData("chatglm-tiny", DType.Q8, Q8)]
    [InlineData("llama-tiny", DType.F16, F16)]
    [InlineData("llama-tiny", DType.BF16, BF16)]
    [InlineData("llama-tiny", DType.Q8, Q8)]
    [InlineData("qwen2-tiny", DType.F16, F16)]
    [InlineData("qwen2-tiny", DType.BF16, BF16)]
    [InlineData("qwen2-tiny", DType.Q8, Q8)]
    public void Forward_RoundedWeights_LogitsWithinTheFormatsError(string pack, DType weights, double bound)
    {
        Device device = Pack.Device("cpu");
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, weights);
        int[][] prompts = Pack.Prompts(pack);

        double error = 0, size = 0;
        for (int i = 0; i < prompts.Length; i++)
        {
            foreach ((float[] expected, float[] actual) in Pack.BaseLogits(pack, i).Zip(model.Prefill(prompts[i])))
            {
                error += expected.Zip(actual, (e, a) => (double)(e - a) * (e - a)).Sum();
                size += expected.Sum(e => (double)e * e);
            }
        }

        Assert.InRange(Math.Sqrt(error / size), double.Epsilon, bound);
        Assert.All(model.LinearModules, module => Assert.Equal(weights, model.Weight(module).DType));
    }
}
