using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class RandomModelTests
{
    [Fact]
    public void Random_Weights_AreNormalWithDeviationOfTwoHundredths()
    {
        Device device = Pack.Device("cpu");
        using CausalModel model = ModelLoader.Random(Small(), device, DType.F32, seed: 1);
        LinearModule module = model.LinearModules[^1];
        float[] row = new float[module.InFeatures];
        double sum = 0, squares = 0, beyond = 0;
        for (int i = 0; i < module.OutFeatures; i++)
        {
            model.Device.Download(model.Weight(module), i, row);
            sum += row.Sum();
            squares += row.Sum(w => (double)w * w);
            beyond += row.Count(w => Math.Abs(w) > 0.04f);
        }

        // 131,072 weights: five standard errors of the mean are 0.0003, of the deviation 0.0002, of the share beyond 2σ (0.0455) 0.003.
        double count = (double)module.OutFeatures * module.InFeatures, mean = sum / count;
        Assert.InRange(mean, -3e-4, 3e-4);
        Assert.InRange(Math.Sqrt(squares / count), 0.0198, 0.0202);
        Assert.InRange(beyond / count, 0.0425, 0.0485);
    }

    [Fact]
    public void Random_SameSeed_SameLogits()
    {
        Device device = Pack.Device("cpu");
        using CausalModel first = ModelLoader.Random(Small(), device, DType.F32, seed: 7);
        using CausalModel same = ModelLoader.Random(Small(), device, DType.F32, seed: 7);
        using CausalModel other = ModelLoader.Random(Small(), device, DType.F32, seed: 8);

        float[][] logits = first.Prefill([1, 2, 3]);

        Assert.Equal(0, Stepping.Distance(logits, same.Prefill([1, 2, 3])));
        Assert.InRange(Stepping.Distance(logits, other.Prefill([1, 2, 3])), 0.01f, float.MaxValue);
    }

    [Theory]
    [InlineData(DType.F32, 4)]
    [InlineData(DType.F16, 2)]
    [InlineData(DType.BF16, 2)]
    [InlineData(DType.Q8, 34.0 / 32)]
    public void Random_ResidentBytes_AtMostATenthOverTheStoredSize(DType weights, double bytesPerWeight)
    {
        Device device = Pack.Device("cpu");
        using CausalModel model = ModelLoader.Random(ModelShapes.Get("qwen2-0.5b", vocabulary: 512) with { LayerCount = 1 }, device, weights, seed: 1);

        Assert.InRange(model.ResidentBytes / (model.ParameterCount * bytesPerWeight), 1, 1.1);
    }

    // The counts that are published for these models with their own vocabularies. ChatGLM-6B's 6,173,286,400 counts its embeddings once;
    // the checkpoint holds the output layer, 130,528 · 4096, as a tensor of its own.
    [Theory]
    [InlineData("qwen2-0.5b", 151_936, 24, 494_032_768)]
    [InlineData("tinyllama-1.1b", 32_000, 22, 1_100_048_384)]
    [InlineData("chatglm-6b-2layers", 130_528, 28, 6_173_286_400 + 130_528L * 4096)]
    public void Get_PublishedShapes_HaveThePublishedParameters(string name, int vocabulary, int layers, long parameters)
    {
        ModelLayout layout = ModelLayout.Of(ModelShapes.Get(name, vocabulary) with { LayerCount = layers });

        Assert.Equal(parameters, layout.Weights.Sum(spec => spec.Elements));
    }

    [Fact]
    public void Get_UnknownShape_SaysWhichThereAre()
    {
        var error = Assert.Throws<ArgumentException>(() => ModelShapes.Get("gpt-5"));

        Assert.All(ModelShapes.Names, name => Assert.Contains(name, error.Message));
    }

    private static ModelConfig Small() => ModelShapes.Get("qwen2-0.5b", vocabulary: 512) with
    {
        HiddenSize = 256,
        IntermediateSize = 512,
        LayerCount = 2,
        HeadCount = 4,
    };
}
