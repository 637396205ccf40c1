namespace MoeLora.Training.Runs;

/// <summary>What a run tells while it goes on.</summary>
/// <param name="Step">The last step that was taken.</param>
public abstract record TrainingEvent(long Step);

/// <summary>A step was taken.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Loss">Mean cross-entropy of the step's target tokens before the step, in nats.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="Tokens">Rows that went through the model.</param>
/// <param name="Elapsed">Time that the step took.</param>
public sealed record StepTaken(long Step, double Loss, double LearningRate, double GradientNorm, long Tokens, TimeSpan Elapsed) : TrainingEvent(Step);

/// <summary>The validation samples were measured.</summary>
/// <param name="Step">After which step.</param>
/// <param name="Loss">Mean cross-entropy of all their target tokens, in nats.</param>
/// <param name="IsBest">Whether it is the lowest so far.</param>
public sealed record Validated(long Step, double Loss, bool IsBest) : TrainingEvent(Step);

/// <summary>Why a run ended.</summary>
public enum TrainingEnd
{
    /// <summary>All steps were taken.</summary>
    Complete,

    /// <summary>The validation loss did not fall any more.</summary>
    EarlyStop,
}

/// <summary>
/// A step's loss or gradient is not a number. The step was not taken: parameters and moments are as the step before left them.
/// </summary>
public sealed class TrainingDivergedException(long step, double loss, double gradientNorm) : Exception(
    $"Step {step} has the loss {loss} and the gradient norm {gradientNorm}, and was not taken: training has diverged. "
    + "Lower the learning rate, lengthen the warm-up or set a clip norm, and resume from the last checkpoint.")
{
    /// <summary>The step that was not taken.</summary>
    public long Step { get; } = step;
}
