using MoeLora.Training.Reports.Curves;
using MoeLora.Training.Runs;

namespace MoeLora.Cli.Training;

/// <summary>Takes a run's steps, with a checkpoint at intervals, at the end, and when it is stopped.</summary>
internal sealed class TrainingLoop(TrainingRun run, Action writeCheckpoint, int checkpointInterval, RunRecorder recorder)
{
    /// <summary>Goes on until the run is over or stopped.</summary>
    /// <exception cref="TrainingDivergedException">The loss or a gradient is not finite; the last checkpoint stays.</exception>
    public RunEnd Run(CancellationToken cancellation)
    {
        long written = run.Step;
        while (run.End is null && !cancellation.IsCancellationRequested)
        {
            run.Advance(recorder.Add);
            if (checkpointInterval > 0 && run.Step % checkpointInterval == 0)
                Write();
        }

        if (run.Step > written)
            Write();
        return run.End switch { TrainingEnd.Complete => RunEnd.Complete, TrainingEnd.EarlyStop => RunEnd.EarlyStop, _ => RunEnd.Stopped };

        void Write()
        {
            writeCheckpoint();
            written = run.Step;
            recorder.AddCheckpoint(written);
        }
    }
}
