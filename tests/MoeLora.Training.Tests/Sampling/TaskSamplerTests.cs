using MoeLora.Training.Batches;
using MoeLora.Training.Sampling;

namespace MoeLora.Training.Tests.Sampling;

public sealed class TaskSamplerTests
{
    public static TheoryData<SamplerKind> Kinds => [.. Enum.GetValues<SamplerKind>()];

    [Fact]
    public void Mixed_CoversEverySampleOnceInEachEpoch_InANewOrder()
    {
        var sampler = new TaskSampler(Samples(7, 3), SamplerKind.Mixed, batchSize: 3, seed: 1);

        int[][] epochs = [.. Enumerable.Range(1, 10).SelectMany(step => sampler.Draw(step)).Chunk(10)];

        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(0, 10), epoch.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(epochs[1], epochs[2]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Draw_DependsOnSeedAndStepOnly(SamplerKind kind)
    {
        List<TrainingSample> samples = Samples(9, 5, 6);
        var sampler = new TaskSampler(samples, kind, batchSize: 8, seed: 4);
        int[][] draws = [.. Enumerable.Range(1, 40).Select(step => sampler.Draw(step))];

        for (int step = 40; step >= 1; step--)
            Assert.Equal(draws[step - 1], new TaskSampler(samples, kind, batchSize: 8, seed: 4).Draw(step));
        Assert.Equal(draws[2], sampler.Draw(3));
        Assert.NotEqual(draws[2], new TaskSampler(samples, kind, batchSize: 8, seed: 5).Draw(3));
    }

    [Theory]
    [InlineData(1, 0.9)]
    [InlineData(2, 0.75)] // 30 : 10
    [InlineData(1e9, 0.5)]
    public void Temperature_DrawsTasksByTheRootOfTheirSizes(double temperature, double share)
    {
        var sampler = new TaskSampler(Samples(900, 100), SamplerKind.Temperature, batchSize: 10_000, seed: 2, temperature);

        double actual = sampler.Draw(1).Count(i => i < 900) / 10_000.0;

        Assert.Equal(share, actual, 4 * Math.Sqrt(share * (1 - share) / 10_000)); // four standard deviations
    }

    [Fact]
    public void PerTask_DrawsStepsOfOneTask_InProportion_WithoutAPattern()
    {
        const int Steps = 5000;
        var sampler = new TaskSampler(Samples(60, 40), SamplerKind.PerTask, batchSize: 4, seed: 3);

        int[] tasks = [.. Enumerable.Range(1, Steps).Select(step => Assert.Single(sampler.Draw(step).Select(i => i < 60 ? 1 : 2).Distinct()))];

        Near(0.6, tasks.Count(task => task == 1));
        Near(0.52, tasks.Zip(tasks.Skip(1)).Count(pair => pair.First == pair.Second)); // 0.6² + 0.4² when steps are independent

        static void Near(double share, int count) => Assert.Equal(share, count / (double)Steps, 4 * Math.Sqrt(share * (1 - share) / Steps));
    }

    [Fact]
    public void Sampler_WithoutSamples_IsRefused() => Assert.Throws<ArgumentException>(() => new TaskSampler([], SamplerKind.Mixed, 1, 1));

    private static List<TrainingSample> Samples(params int[] sizes) =>
        [.. sizes.SelectMany((size, task) => Enumerable.Repeat(new TrainingSample([1, 2], 1, task + 1, default), size))];
}
