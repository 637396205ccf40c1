using System.Diagnostics;
using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;

namespace MoeLora.Cli.Benchmarks;

/// <summary>What passes of training to measure.</summary>
internal sealed record StepSettings(string Shape, ModelConfig Config, DType Weights, int Rows, int Rank, int Experts, int Repeats);

/// <summary>
/// Measures passes of training in turns: the base model's forward pass with the loss, the same with an adapter, the latter with the adapter's gradients, and
/// that with the optimizer's step. On the process's own cores each is between two measurements of the machine's peak.
/// </summary>
internal sealed class StepRunner(StepSettings settings, Device device, ProgressSource progress, CancellationToken cancellation)
{
    private const int Seed = 20260103;
    private const int LongestSample = 512;

    /// <summary>Measures all passes.</summary>
    public StepReport Run()
    {
        progress.Begin("Making random weights");
        using Network network = NetworkLoader.Random(settings.Config, device, settings.Weights, Seed);
        var experts = new ExpertSettings { Rank = settings.Rank, ExpertCount = settings.Experts, Dropout = 0 };
        using var adapter = new ExpertAdaptation(network, experts, taskCount: 8, Seed);
        using var bare = new Adaptation();
        using var optimizer = new Optimizer(adapter.Parameters, new OptimizerSettings());
        long steps = 0;
        PackedBatch batch = Batch(network.Config.VocabularySize);
        Action[] passes =
        [
            () => network.Evaluate(batch, bare),
            () => network.Evaluate(batch, adapter),
            () => network.Accumulate(batch, adapter, 1f / batch.Targets.Length, dropoutSeed: 1),
            () =>
            {
                network.Accumulate(batch, adapter, 1f / batch.Targets.Length, dropoutSeed: 1);
                optimizer.Step(++steps, long.MaxValue, optimizer.GradientNorm());
            },
        ];
        progress.Begin("Measuring");
        foreach (Action pass in passes)
            pass();
        List<double>[] seconds = [[], [], [], []];
        List<double?>[] shares = [[], [], [], []];
        var peaks = new List<double?>();
        double[] operations = Operations(network, batch.Rows, batch.Targets.Length);
        for (int i = 0; i < settings.Repeats; i++)
        {
            progress.Report((double)i / settings.Repeats);
            for (int p = 0; p < passes.Length; p++)
            {
                cancellation.ThrowIfCancellationRequested();
                double? before = MeasurePeak();
                device.Synchronize();
                long start = Stopwatch.GetTimestamp();
                passes[p]();
                device.Synchronize();
                double time = Stopwatch.GetElapsedTime(start).TotalSeconds;
                double? peak = (before + MeasurePeak()) / 2;
                peaks.Add(peak);
                seconds[p].Add(time);
                shares[p].Add(operations[p] / time / peak);
            }
        }
        progress.End();

        StepPass Pass(int p, string name) => new(name, 1000 * RunTimes.Median(seconds[p]), batch.Rows / RunTimes.Median(seconds[p]), operations[p], RunTimes.Median(shares[p]));
        double[] ratios = [.. seconds[1].Zip(seconds[2], (forward, both) => (both - forward) / forward)];
        return new StepReport(
            settings.Shape, settings.Weights.Name(), device.Name, batch.Rows, RunTimes.Median(peaks) / 1e9,
            [Pass(0, "forward, no adapter"), Pass(1, "forward"), Pass(2, "forward and backward"), Pass(3, StepReport.WholeStep)],
            RunTimes.Median(ratios), (operations[2] - operations[1]) / operations[1]);
    }

    private double? MeasurePeak() => (device as CpuDevice)?.MeasurePeak();

    private PackedBatch Batch(int vocabulary)
    {
        var random = new Random(Seed);
        var batch = new PackedBatch();
        for (int rest = settings.Rows, task = 1; rest > 0; task = task % 8 + 1)
        {
            int rows = Math.Min(rest, Math.Min(LongestSample, settings.Config.MaxPositions - 1));
            int[] tokens = [.. Enumerable.Range(0, rows + 1).Select(_ => random.Next(vocabulary / 2))];
            batch.Add(new TrainingSample(tokens, Math.Max(1, rows * 5 / 6), task, default)); // the paper's 1,024 in, 196 out
            rest -= rows;
        }
        return batch;
    }

    /// <summary>
    /// Operations of the matrix products: a frozen layer costs one product forward and one backward, a matrix of the adapter one forward and two
    /// backward. Attention, norms and gates are left out, so shares are a little too low.
    /// </summary>
    private double[] Operations(Network network, int rows, int targets)
    {
        double frozen = network.LinearModules.Sum(module => 2.0 * rows * module.InFeatures * module.OutFeatures);
        double head = 2.0 * targets * settings.Config.HiddenSize * settings.Config.VocabularySize;
        double lowRank = network.LinearModules.Sum(module => 2.0 * rows * settings.Rank * (module.InFeatures + module.OutFeatures));
        double both = 2 * (frozen + head) + 3 * lowRank;
        return [frozen + head, frozen + head + lowRank, both, both];
    }
}
