using MoeLora.Cli.Benchmarks;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Cli.Tests.Benchmarks;

public sealed class DenseReportTests
{
    [Theory]
    [InlineData("qwen2-0.5b", 14_909_440)] // 2 · 896² + 2 · 896 · 128 + 3 · 896 · 4864
    [InlineData("chatglm-6b-2layers", 201_326_592)] // 12 · 4096²
    public void OfLayer_Shapes_HoldAllDenseWeights(string name, long weights)
    {
        ModelConfig config = ModelShapes.Get(name);

        Assert.Equal(weights, DenseShape.OfLayer(config).Sum(shape => (long)shape.Count * shape.Inputs * shape.Outputs));
        Assert.Equal((config.HiddenSize, config.VocabularySize), (DenseShape.OfHead(config).Inputs, DenseShape.OfHead(config).Outputs));
    }

    [Fact]
    public void Of_Layers_AreWeighedAsTheModelDoes()
    {
        var slow = new DenseSpeed(2, 10, 0.2);
        var fast = new DenseSpeed(8, 40, 0.8);
        DenseReport report = DenseReport.Of(
            new DenseSettings { Shape = "qwen2-0.5b", Config = ModelShapes.Get("qwen2-0.5b"), Weights = DType.F32, Rows = 1, Repeats = 1 },
            "cpu",
            50e9,
            [new(new DenseShape("pair", 3, 4, 2), new DenseSpeeds(slow, slow, slow)), new(new DenseShape("head", 3, 4), new DenseSpeeds(fast, slow, fast))]);

        // 24 layers of two slow products of 2 ms, and a head of 8 ms.
        Assert.Equal(104, report.Model.Forward.Milliseconds, 9);
        Assert.Equal((96 * 10 + 8 * 40) / 104.0, report.Model.Forward.Gigaflops, 9);
        Assert.Equal((96 * 0.2 + 8 * 0.8) / 104, report.Model.Forward.ShareOfPeak!.Value, 9);
        Assert.Equal(98, report.Model.InputGradient.Milliseconds, 9);
    }
}
