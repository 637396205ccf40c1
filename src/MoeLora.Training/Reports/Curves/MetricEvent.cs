using System.Text.Json.Serialization;

namespace MoeLora.Training.Reports.Curves;

/// <summary>What a line of a metrics file tells of.</summary>
public enum MetricKind
{
    /// <summary>A training step.</summary>
    Train,

    /// <summary>A pass over the validation set.</summary>
    Validation,

    /// <summary>A checkpoint was written.</summary>
    Checkpoint,

    /// <summary>The run ended.</summary>
    End,
}

/// <summary>One line of a metrics file. Members that an event does not have are null and not written.</summary>
public sealed record MetricEvent
{
    /// <summary>What happened.</summary>
    public required MetricKind Event { get; init; }

    /// <summary>Training steps done when it happened.</summary>
    public required long Step { get; init; }

    /// <summary>Mean cross-entropy of the target tokens, in nats: of the step, or of the validation set.</summary>
    public double? Loss { get; init; }

    /// <summary>The learning rate of the step.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The gradient's norm over all trained parameters, before clipping.</summary>
    public double? GradientNorm { get; init; }

    /// <summary>Tokens that went through the model in the step.</summary>
    public long? Tokens { get; init; }

    /// <summary>Tokens of the step over the time that it took.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds since the run began.</summary>
    [JsonPropertyName("elapsed_s")]
    public double? ElapsedSeconds { get; init; }

    /// <summary>Why the run ended, or where the checkpoint is.</summary>
    public string? Detail { get; init; }
}
