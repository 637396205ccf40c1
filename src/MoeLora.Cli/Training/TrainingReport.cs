namespace MoeLora.Cli.Training;

/// <summary>What a training run came to.</summary>
internal sealed record TrainingReport
{
    /// <summary>Steps taken, those before a resumption included.</summary>
    public required long Steps { get; init; }

    /// <summary>Why it ended.</summary>
    public required RunEnd End { get; init; }

    /// <summary>Loss of the last step; null when none was taken by this process.</summary>
    public required double? Loss { get; init; }

    /// <summary>The lowest validation loss; null without validation.</summary>
    public required double? ValidationLoss { get; init; }

    /// <summary>The step of the lowest validation loss, whose parameters are the result.</summary>
    public required long? BestStep { get; init; }

    /// <summary>Tokens that went through the model in a second of training, validation not counted; null when no step was taken by this process.</summary>
    public required double? TokensPerSecond { get; init; }

    /// <summary>Parameters that are trained.</summary>
    public required long TrainableParameters { get; init; }

    /// <summary>Those and the base model's.</summary>
    public required long TotalParameters { get; init; }

    /// <summary>Records to learn from.</summary>
    public required int Samples { get; init; }

    /// <summary>Lines of all files that were left out.</summary>
    public required int SkippedLines { get; init; }

    /// <summary>Time of this process, loading included.</summary>
    public required double Seconds { get; init; }

    /// <summary>Where everything is.</summary>
    public required OutputPaths Paths { get; init; }
}

/// <summary>Why a run ended.</summary>
internal enum RunEnd
{
    /// <summary>All steps were taken.</summary>
    Complete,

    /// <summary>The validation loss did not fall any more.</summary>
    EarlyStop,

    /// <summary>Stopped by Ctrl-C or SIGTERM; it can be resumed.</summary>
    Stopped,
}

/// <summary>The outputs of a run.</summary>
/// <param name="Out">The directory.</param>
/// <param name="Configuration">The effective configuration.</param>
/// <param name="Metrics">Measurements, JSON lines.</param>
/// <param name="Curves">The same as curves.</param>
/// <param name="Checkpoint">To resume from.</param>
/// <param name="Trained">The adapter's directory, or the file of trained parameters; null when the run was stopped.</param>
internal sealed record OutputPaths(string Out, string Configuration, string Metrics, string Curves, string Checkpoint, string? Trained);
