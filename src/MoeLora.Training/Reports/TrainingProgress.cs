namespace MoeLora.Training.Reports;

/// <summary>How far a training run is: what a progress bar shows.</summary>
public sealed record TrainingProgress
{
    /// <summary>What the run is busy with, such as <c>Training</c> or <c>Validating</c>.</summary>
    public required string Phase { get; init; }

    /// <summary>Steps done, 0 to <see cref="Steps"/>.</summary>
    public required long Step { get; init; }

    /// <summary>Steps of the whole run.</summary>
    public required long Steps { get; init; }

    /// <summary>Mean loss of the last step's target tokens, in nats; null before the first step.</summary>
    public double? Loss { get; init; }

    /// <summary>The moving average of the loss; null before the first step.</summary>
    public double? SmoothedLoss { get; init; }

    /// <summary>Training tokens in a second, lately; null before it was measured.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Time since the run began or was resumed.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>The expected time to the end; null where nothing is known yet.</summary>
    public TimeSpan? TimeLeft { get; init; }

    /// <summary>The share of the steps that is done, 0 to 1.</summary>
    public double Fraction => Steps <= 0 ? 0 : Math.Clamp((double)Step / Steps, 0, 1);
}
