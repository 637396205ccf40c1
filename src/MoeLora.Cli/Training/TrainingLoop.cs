using MoeLora.Cli.Terminals;
using MoeLora.Training.Runs;

namespace MoeLora.Cli.Training;

/// <summary>Takes a run's steps, with a checkpoint at intervals, at the end, and when it is stopped.</summary>
internal sealed class TrainingLoop(TrainingRun run, Action writeCheckpoint, int checkpointInterval, ProgressSource progress)
{
    private long _tokens;
    private TimeSpan _time;

    /// <summary>Of the last step that was taken here.</summary>
    public double? Loss { get; private set; }

    /// <summary>Over the steps that were taken here.</summary>
    public double? TokensPerSecond => _time > TimeSpan.Zero ? _tokens / _time.TotalSeconds : null;

    /// <summary>Goes on until the run is over or stopped.</summary>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite; the last checkpoint stays.</exception>
    public RunEnd Run(CancellationToken cancellation)
    {
        progress.Begin("Training");
        long written = run.Step;
        while (run.End is null && !cancellation.IsCancellationRequested)
        {
            run.Advance(Take);
            progress.Report((double)run.Step / run.Settings.Steps);
            if (checkpointInterval > 0 && run.Step % checkpointInterval == 0)
                Write();
        }

        if (run.Step > written)
            Write();
        progress.End();
        return run.End switch { TrainingEnd.Complete => RunEnd.Complete, TrainingEnd.EarlyStop => RunEnd.EarlyStop, _ => RunEnd.Stopped };

        void Write()
        {
            writeCheckpoint();
            written = run.Step;
        }
    }

    private void Take(TrainingEvent item)
    {
        if (item is not StepTaken step)
            return;
        Loss = step.Loss;
        _tokens += step.Tokens;
        _time += step.Elapsed;
    }
}
