using MoeLora.Training.Runs;

namespace MoeLora.Training.Reports.Curves;

/// <summary>Says how far a <see cref="TrainingRun"/> is, by what it tells.</summary>
public sealed class RunMeter
{
    // Over about so many steps the loss and the speed that are shown are averaged.
    private const int Span = 50;

    private readonly IProgress<TrainingProgress> _progress;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly long _first;
    private readonly MovingAverage _loss = new(Span);
    private readonly MovingAverage _tokens = new(Span);
    private readonly MovingAverage _seconds = new(Span);

    /// <summary>Begins to measure, and reports that training begins.</summary>
    /// <param name="run">Before its next step.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public RunMeter(TrainingRun run, IProgress<TrainingProgress> progress, TimeProvider? time = null)
        : this(run.Step, run.Settings.Steps, progress, time)
    {
    }

    internal RunMeter(long step, long steps, IProgress<TrainingProgress> progress, TimeProvider? time)
    {
        (_first, _progress, _time) = (step, progress, time ?? TimeProvider.System);
        _start = _time.GetTimestamp();
        State = new TrainingProgress { Phase = "Training", Step = step, Steps = steps };
        _progress.Report(State);
    }

    /// <summary>The last report.</summary>
    public TrainingProgress State { get; private set; }

    /// <summary>Tokens of the steps since the meter began.</summary>
    public long Tokens { get; private set; }

    /// <summary>Time of these steps, without validations and checkpoints.</summary>
    public TimeSpan StepTime { get; private set; }

    /// <summary>Tokens in a second over all these steps; null before the first.</summary>
    public double? TokensPerSecond => StepTime > TimeSpan.Zero ? Tokens / StepTime.TotalSeconds : null;

    /// <summary>Time since the meter began.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_start);

    /// <summary>Takes what happened into account.</summary>
    public void Add(TrainingEvent told)
    {
        if (told is not StepTaken step)
            return;
        Tokens += step.Tokens;
        StepTime += step.Elapsed;
        double tokens = _tokens.Add(step.Tokens)!.Value, seconds = _seconds.Add(step.Elapsed.TotalSeconds)!.Value;
        TimeSpan elapsed = Elapsed;
        State = State with
        {
            Step = step.Step,
            Loss = step.Loss,
            SmoothedLoss = _loss.Add(step.Loss),
            TokensPerSecond = seconds > 0 ? tokens / seconds : null,
            Elapsed = elapsed,
            TimeLeft = elapsed * ((double)(State.Steps - step.Step) / (step.Step - _first)), // with validations and checkpoints as often as so far
        };
        _progress.Report(State);
    }
}
