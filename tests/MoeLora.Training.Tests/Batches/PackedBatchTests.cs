using MoeLora.Tensors.Reference;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Batches;

public sealed class PackedBatchTests
{
    public static TheoryData<string, string> Cases => new()
    {
        { TinyModel.Llama, "shared" }, { TinyModel.Llama, "per module" }, { TinyModel.Llama, "routed" }, { TinyModel.Llama, "p-tuning" },
        { TinyModel.Tied, "shared" }, { TinyModel.ChatGlm, "shared" }, { TinyModel.ChatGlm, "p-tuning" },
    };

    [Fact]
    public void Add_TakesTheLossOfAnswerTokensOnly()
    {
        var batch = new PackedBatch();
        batch.Add(new TrainingSample([1, 2, 3, 4, 5], 3, 1, default));
        batch.Add(new TrainingSample([6, 7], 1, 1, default));

        Assert.Equal(5, batch.Rows);
        Assert.Equal([2, 3, 4], batch.TargetRows.ToArray());
        Assert.Equal([4, 5, 7], batch.Targets.ToArray());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(3, 3)]
    public void Add_WithoutPromptOrAnswer_IsRefused(int promptLength, int length) =>
        Assert.Throws<ArgumentException>(() => new PackedBatch().Add(new TrainingSample(new int[length], promptLength, 1, default)));

    [Fact]
    public void Pack_FillsPassesInOrder_AndGivesALongSampleOneOfItsOwn()
    {
        TrainingSample[] samples = [.. new[] { 4, 5, 3, 20, 2 }.Select(length => new TrainingSample(new int[length], 1, 1, default))];

        Assert.Equal([7, 2, 19, 1], PackedBatch.Pack(samples, maxRows: 8).Select(batch => batch.Rows));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_OfAPackedBatch_IsTheSumOfItsSamples_AndSoAreItsGradients(string kind, string method)
    {
        using var model = new TinyModel(kind);
        using var device = new ReferenceDevice();
        using Network network = model.Freeze(device);
        using Adaptation adaptation = TinyMethods.Create(method, network);
        List<TrainingSample> samples = model.Samples(network, adaptation as PromptAdaptation);

        double[] alone = [.. samples.Select(sample => network.Accumulate(TinyModel.Pack(sample), adaptation, 1, 1))];
        float[][] sums = Gradients(adaptation);
        foreach (Training.Parameters.Parameter parameter in adaptation.Parameters)
            parameter.ClearGradient();
        double packed = network.Accumulate(TinyModel.Pack(samples), adaptation, 1, 1);

        Assert.Equal(alone.Sum(), packed, 1e-9); // rows give the same bits; only the sum of doubles differs
        foreach ((float[] sum, float[] gradient) in sums.Zip(Gradients(adaptation)))
        {
            for (int i = 0; i < sum.Length; i++)
                Assert.Equal(sum[i], gradient[i], 1e-5 * sum.Max(Math.Abs)); // float sums in another order
        }
    }

    [Theory]
    [InlineData(TinyModel.Llama)]
    [InlineData(TinyModel.ChatGlm)]
    public void Gradient_OfATask_KeepsItsBits_WhenASampleOfAnotherTaskChanges(string kind)
    {
        using var model = new TinyModel(kind);
        using var device = new ReferenceDevice();
        using Network network = model.Freeze(device);
        TrainingSample[] samples = [.. model.Samples(network).Take(2)];
        TrainingSample other = samples[0] with { Tokens = [22, .. samples[0].Tokens[1..^1], 2] };

        (float[] before, float[] changed) = (Embeddings(samples), Embeddings([other, samples[1]]));

        Assert.NotEqual(before[5..10], changed[5..10]); // row 1: task 1
        Assert.Equal(before[10..15], changed[10..15]);

        float[] Embeddings(TrainingSample[] packed)
        {
            using Adaptation adaptation = TinyMethods.Create("shared", network);
            network.Accumulate(TinyModel.Pack(packed), adaptation, 1, 1);
            return adaptation.Parameters.Single(parameter => parameter.Name == "task_embedding").GradientToArray();
        }
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Loss_OfAnAnswer_IsTheSumOfTheLossesOfItsTokens(string kind)
    {
        using var model = new TinyModel(kind);
        using var device = new ReferenceDevice();
        using Network network = model.Freeze(device);
        using Adaptation adaptation = TinyMethods.Create("shared", network);
        TrainingSample sample = model.Samples(network)[1];

        double sum = 0;
        for (int end = sample.PromptLength; end < sample.Tokens.Length; end++)
            sum += network.Evaluate(TinyModel.Pack(sample with { Tokens = sample.Tokens[..(end + 1)], PromptLength = end }), adaptation);

        Assert.Equal(4, sample.TargetCount);
        Assert.Equal(sum, network.Evaluate(TinyModel.Pack(sample), adaptation), 1e-9);
    }

    private static float[][] Gradients(Adaptation adaptation) => [.. adaptation.Parameters.Select(parameter => parameter.GradientToArray())];
}
