using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Measures all that matters of one shape on one device, with one set of random weights: speeds of serving and training, recovery, an upgrade under load.</summary>
/// <param name="settings">Form is shared, Batch the largest batch.</param>
/// <param name="rows">Tokens of a training step.</param>
/// <param name="device">The device.</param>
/// <param name="progress">Told what is measured.</param>
/// <param name="cancellation">Stops between steps.</param>
internal sealed class SuiteRunner(BenchSettings settings, int rows, Device device, ProgressSource progress, CancellationToken cancellation)
{
    private static readonly int[] Batches = [1, 8, 64];

    private readonly Dictionary<string, double> _figures = [];
    private readonly List<string> _notes = [];

    /// <summary>Measures everything.</summary>
    public SuiteReport Run()
    {
        using (var model = new BenchModel(settings, device, progress))
        {
            Try("decode", () => Decode(model));
            Try("mixed", () => Mix(model));
            Try("recovery", () => _figures["recovery_ms"] = 1000 * RunTimes.Median(model.MeasureRecovery(cancellation)));
            Try("upgrade", () => Upgrade(model));
        }

        Try("train", Train);
        return new SuiteReport(settings.Shape, settings.Weights.Name(), device.Name, _figures, _notes);
    }

    private void Decode(BenchModel model)
    {
        long bytes = model.WeightBytesPerStep(ServingMode.Base, 1);
        double bandwidth = CopyBandwidth.Measure(device, bytes);
        _figures["weight_mb"] = bytes / 1e6;
        _figures["copy_gb_per_second"] = bandwidth / 1e9;
        int[] prompt = model.Prompt(), start = model.Prompt(Math.Min(settings.Prompt, DecodePrompt));
        foreach (int batch in Batches.Where(batch => batch <= settings.Batch))
        {
            progress.Begin($"Measuring {batch} {(batch == 1 ? "sequence" : "sequences")}");
            IReadOnlyList<TaskModel> bare = model.Lanes(ServingMode.Base, batch), shared = model.Lanes(ServingMode.Shared, batch);
            if (batch == 1)
                _figures["prefill"] = RunTimes.Median(Rounds(() => DecodeRun.Measure(bare, prompt, 1, cancellation).PrefillTokensPerSecond));
            (RunTimes Bare, RunTimes Shared)[] rounds = [.. Rounds(() => DecodeRun.MeasureInTurns(bare, shared, start, settings.Generate, true, cancellation))];
            double step = RunTimes.Median(rounds.SelectMany(round => round.Bare.StepSeconds));
            _figures[$"decode_{batch}"] = batch / step;
            _figures[$"shared_{batch}"] = batch / RunTimes.Median(rounds.SelectMany(round => round.Shared.StepSeconds));
            if (batch == 1)
                _figures["floor_share"] = bytes / bandwidth / step;
            progress.End();
        }
    }

    private void Mix(BenchModel model)
    {
        int[] prompt = model.Prompt(Math.Min(settings.Prompt, DecodePrompt));
        (IReadOnlyList<TaskModel> merged, int own) = model.MergedTurns(settings.Batch, prompt.Length + settings.Generate + KvPool.DefaultBlockPositions);
        if (merged.Count == 0)
        {
            _notes.Add("mixed: the device has no room for one task's merged weights beside the base model.");
            return;
        }

        if (own < Math.Min(settings.Tasks, settings.Batch))
            _notes.Add($"mixed: the device has room for the merged weights of {own} tasks; the others took their turns on these.");
        progress.Begin("Measuring mixed tasks");
        IReadOnlyList<TaskModel> shared = model.Lanes(ServingMode.Shared, settings.Batch);
        (RunTimes Merged, RunTimes Shared)[] rounds = [.. Rounds(() => DecodeRun.MeasureInTurns(merged, shared, prompt, settings.Generate, true, cancellation))];
        _figures["mixed_merged"] = RunTimes.Median(rounds.Select(round => round.Merged.DecodeTokensPerSecond));
        _figures["mixed_shared"] = RunTimes.Median(rounds.Select(round => round.Shared.DecodeTokensPerSecond));
        _figures["mixed_ratio"] = RunTimes.Median(rounds.Select(round => round.Shared.DecodeTokensPerSecond / round.Merged.DecodeTokensPerSecond));
        progress.End();
        model.FreeMerged();
    }

    private void Upgrade(BenchModel model)
    {
        progress.Begin("Upgrading under load");
        UpgradeTimes times = new UpgradeRun(settings, model, device, cancellation).RunAsync().GetAwaiter().GetResult();
        _figures["gap_before_ms"] = 1000 * times.GapBefore;
        _figures["gap_upgrade_ms"] = 1000 * times.Gap;
        _figures["upgrade_ms"] = 1000 * times.Seconds;
        progress.End();
    }

    private void Train()
    {
        var step = new StepSettings(settings.Shape, settings.Config, settings.Weights, rows, settings.Rank, settings.Experts, settings.Repeats);
        _figures["train"] = new StepRunner(step, device, progress, cancellation).Run().Passes.Single(pass => pass.Name == StepReport.WholeStep).TokensPerSecond;
    }

    /// <summary>What a device has too little memory for is left out, and the rest is measured.</summary>
    private void Try(string what, Action measure)
    {
        try
        {
            measure();
        }
        catch (OutOfMemoryException e)
        {
            _notes.Add($"{what}: {e.Message}");
        }
    }

    /// <summary>Tokens before those that are decoded one by one: with long prompts for 64 sequences the prefill would take all of the time.</summary>
    private const int DecodePrompt = 128;

    /// <summary>What each round gave after one that warms up.</summary>
    private List<T> Rounds<T>(Func<T> round)
    {
        round();
        var results = new List<T>();
        for (int i = 0; i < settings.Repeats; i++)
            results.Add(round());
        return results;
    }
}
