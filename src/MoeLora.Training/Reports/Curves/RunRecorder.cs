using MoeLora.Training.Runs;

namespace MoeLora.Training.Reports.Curves;

/// <summary>Writes what a <see cref="TrainingRun"/> tells into its metrics file, and says how far it is.</summary>
public sealed class RunRecorder : IDisposable
{
    private readonly MetricsFile _file;

    /// <summary>Begins the file of a new run, or continues that of a run after the step that it resumed after, and reports that training begins.</summary>
    /// <param name="path">The metrics file. What is in it of another run is dropped when this one has taken no step.</param>
    /// <param name="run">Before its next step.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="ReportException">The file holds lines that are no metrics.</exception>
    public RunRecorder(string path, TrainingRun run, IProgress<TrainingProgress> progress, TimeProvider? time = null)
        : this(path, run.Step, run.Settings.Steps, progress, time)
    {
    }

    internal RunRecorder(string path, long step, long steps, IProgress<TrainingProgress> progress, TimeProvider? time)
    {
        _file = MetricsFile.Resume(path, step > 0 ? step : -1);
        Meter = new RunMeter(step, steps, progress, time);
    }

    /// <summary>How far the run is.</summary>
    public RunMeter Meter { get; }

    /// <summary>A step was taken, or the validation samples were measured.</summary>
    public void Add(TrainingEvent told)
    {
        Meter.Add(told);
        switch (told)
        {
            case StepTaken step:
                Append(new MetricEvent
                {
                    Event = MetricKind.Train,
                    Step = step.Step,
                    Loss = step.Loss,
                    LearningRate = step.LearningRate,
                    GradientNorm = step.GradientNorm,
                    Tokens = step.Tokens,
                    TokensPerSecond = step.Elapsed > TimeSpan.Zero ? step.Tokens / step.Elapsed.TotalSeconds : null,
                });
                break;
            case Validated validated:
                Append(new MetricEvent { Event = MetricKind.Validation, Step = validated.Step, Loss = validated.Loss });
                break;
        }
    }

    /// <summary>A checkpoint was written.</summary>
    public void AddCheckpoint(long step) => Append(new MetricEvent { Event = MetricKind.Checkpoint, Step = step });

    /// <summary>The run ended.</summary>
    /// <param name="step">After which step.</param>
    /// <param name="reason">Why, such as <c>all steps taken</c>.</param>
    public void End(long step, string reason) => Append(new MetricEvent { Event = MetricKind.End, Step = step, Detail = reason });

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Append(MetricEvent metric) => _file.Append(metric with { ElapsedSeconds = (_file.Before + Meter.Elapsed).TotalSeconds });
}
