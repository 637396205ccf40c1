using MoeLora.Cli.Benchmarks;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Models;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;

namespace MoeLora.Cli.Tests.Benchmarks;

public sealed class BenchRunnerTests
{
    [Theory]
    [InlineData("chatglm-tiny", ServingMode.Base)]
    [InlineData("chatglm-tiny", ServingMode.Shared)]
    [InlineData("qwen2-tiny", ServingMode.Merged)]
    [InlineData("llama-tiny", ServingMode.Shared)]
    public void Run_TinyShape_MeasuresEverything(string pack, ServingMode form)
    {
        BenchReport report = With(Settings(pack) with { Form = form, Batch = 3, Tasks = 2 }, runner => runner.Run());

        Assert.True(double.IsFinite(report.PrefillTokensPerSecond) && report.PrefillTokensPerSecond > 0);
        Assert.True(double.IsFinite(report.DecodeTokensPerSecond) && report.DecodeTokensPerSecond > 0);
        Assert.Equal(3 / report.StepMilliseconds * 1000, report.DecodeTokensPerSecond, 6);
        Assert.Equal(form == ServingMode.Merged, report.RecoverySeconds is > 0);
        Assert.Equal(form == ServingMode.Shared, report.Adapter?.BankBytes is > 0);
        Assert.True(report.Memory.WeightBytes >= report.Memory.StoredBytes);
    }

    [Fact]
    public void Run_UntiedShape_CountsTheWeightsThatAStepReads()
    {
        // The embedding table of this shape is no output layer: a step reads one row of it, which is not counted.
        BenchReport report = With(Settings("llama-tiny"), runner => runner.Run());

        Assert.Equal(report.Memory.WeightBytes - 320 * 64 * sizeof(float), report.WeightBytesPerStep);
    }

    [Fact]
    public void Run_MergedTasksInABatch_ReadsTheWeightsOfEachTask()
    {
        BenchReport report = With(Settings("qwen2-tiny") with { Form = ServingMode.Merged, Batch = 4, Tasks = 3 }, runner => runner.Run());

        Assert.Equal(3 * report.Memory.WeightBytes, report.WeightBytesPerStep);
    }

    [Fact]
    public void CompareAdapter_Rounds_GiveTheirMedianRatio()
    {
        TurnsReport report = With(Settings("llama-tiny") with { Form = ServingMode.Shared, Repeats = 3 }, runner => runner.CompareAdapter());

        Assert.Equal(("no adapter", "shared"), (report.First, report.Second));
        Assert.Equal(3, report.Rounds.Count);
        Assert.Equal(report.Rounds.Select(round => round.SecondDecode / round.FirstDecode).Order().ElementAt(1), report.DecodeRatio);
    }

    [Fact]
    public void CompareBatch_Rounds_CountTheTokensOfAllSequences()
    {
        TurnsReport report = With(Settings("llama-tiny") with { Form = ServingMode.Shared, Batch = 4, Repeats = 2 }, runner => runner.CompareBatch());

        Assert.Equal(("1 sequence", "4 sequences"), (report.First, report.Second));
        Assert.All(report.Rounds, round => Assert.True(round.DecodeRatio > 0 && round.PrefillRatio > 0));
    }

    [Theory]
    [InlineData("llama-tiny")]
    [InlineData("chatglm-tiny")]
    public void Serve_AgainstOneAtATimeAndMerged_GivesTheRatioOfEveryRound(string pack)
    {
        BenchSettings settings = Settings(pack) with { Form = ServingMode.Shared, Batch = 5, Tasks = 3 };
        using var device = new CpuDevice(threads: 1);
        var runner = new ServeRunner(settings, device, new ProgressSource(), CancellationToken.None);

        foreach (ServeReport report in (ServeReport[])[runner.CompareOne(), runner.CompareMerged()])
        {
            Assert.Equal(2, report.Rounds.Count);
            Assert.All(report.Rounds, round => Assert.True(round.Ratio > 0 && round.First.TokensPerSecond > 0 && round.AtOnce.FirstTokenSeconds > 0));
        }
    }

    [Fact]
    public void Run_Cancelled_Stops()
    {
        using var device = new ReferenceDevice();
        var runner = new BenchRunner(Settings("llama-tiny"), device, new ProgressSource(), new CancellationToken(canceled: true));

        Assert.Throws<OperationCanceledException>(runner.Run);
    }

    [Theory]
    [InlineData(new[] { 3.0, 1.0, 2.0 }, 2.0)]
    [InlineData(new[] { 4.0, 1.0, 2.0, 3.0 }, 2.5)]
    public void Median_OddAndEvenCounts_IsTheMiddle(double[] values, double median) => Assert.Equal(median, RunTimes.Median(values));

    private static BenchSettings Settings(string pack)
    {
        ModelConfig config = ModelConfigReader.Read(Packs.Model(pack));
        return new BenchSettings { Shape = pack, Config = config, Weights = DType.F32, Prompt = 6, Generate = 3, Repeats = 2, Rank = 4, Experts = 2 };
    }

    private static T With<T>(BenchSettings settings, Func<BenchRunner, T> run)
    {
        using var device = new ReferenceDevice();
        return run(new BenchRunner(settings, device, new ProgressSource(), CancellationToken.None));
    }
}
