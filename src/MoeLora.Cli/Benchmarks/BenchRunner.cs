using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Engine.Generation;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>Runs benchmarks: a round that warms up, then those that count.</summary>
internal sealed class BenchRunner(BenchSettings settings, Device device, ProgressSource progress, CancellationToken cancellation)
{
    /// <summary>Measures one configuration.</summary>
    public BenchReport Run()
    {
        using var model = new BenchModel(settings, device, progress);
        IReadOnlyList<double> recoveries = [];
        if (settings.Form == ServingMode.Merged)
        {
            progress.Begin("Recovering one task's weights");
            recoveries = model.MeasureRecovery(cancellation);
        }

        var lanes = model.Lanes(settings.Form, settings.Batch);
        var rounds = new List<RunTimes>();
        Rounds(model, prompt => rounds.Add(DecodeRun.Measure(lanes, prompt, settings.Generate, cancellation)), rounds.Clear);
        return BenchReport.Of(settings, model, device.Name, rounds, recoveries);
    }

    /// <summary>Measures no adapter and the adapter, in turns.</summary>
    public TurnsReport CompareAdapter()
    {
        using var model = new BenchModel(settings, device, progress);
        return Turns(model, "no adapter", model.Lanes(ServingMode.Base, settings.Batch), Name(settings.Form), model.Lanes(settings.Form, settings.Batch));
    }

    /// <summary>Measures one sequence and the batch, in turns.</summary>
    public TurnsReport CompareBatch()
    {
        using var model = new BenchModel(settings, device, progress);
        return Turns(model, "1 sequence", model.Lanes(settings.Form, 1), $"{settings.Batch} sequences", model.Lanes(settings.Form, settings.Batch));
    }

    private TurnsReport Turns(BenchModel model, string firstName, IReadOnlyList<TaskModel> first, string secondName, IReadOnlyList<TaskModel> second)
    {
        var rounds = new List<(RunTimes, RunTimes)>();
        bool firstPrefills = false;
        Rounds(model, Round, rounds.Clear);
        return TurnsReport.Of(settings, model, device.Name, firstName, secondName, rounds);

        void Round(int[] prompt)
        {
            firstPrefills = !firstPrefills;
            rounds.Add(DecodeRun.MeasureInTurns(first, second, prompt, settings.Generate, firstPrefills, cancellation));
        }
    }

    private void Rounds(BenchModel model, Action<int[]> round, Action forget)
    {
        int[] prompt = model.Prompt();
        progress.Begin("Measuring");
        round(prompt);
        forget();
        for (int i = 0; i < settings.Repeats; i++)
        {
            progress.Report((i + 1.0) / (settings.Repeats + 1));
            round(prompt);
        }

        progress.End();
    }

    private static string Name(ServingMode form) => form.ToString().ToLowerInvariant();
}
