namespace MoeLora.Training.Optimization;

/// <summary>AdamW with linear warm-up and linear decay to zero.</summary>
public sealed record OptimizerSettings
{
    /// <summary>The highest learning rate; the paper's is 2e-4.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>Steps of linear warm-up.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Decay of the first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the second moment.</summary>
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Added to the root of the second moment.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decoupled decay of matrices; norms and biases do not decay.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Gradients whose norm over all parameters is larger are scaled down to it; null never clips.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>Everything that is wrong with these settings for a run of <paramref name="steps"/> steps.</summary>
    public IEnumerable<string> FindProblems(long steps)
    {
        if (!double.IsFinite(LearningRate) || LearningRate <= 0)
            yield return $"learning_rate is {LearningRate}; it must be positive.";
        if (WarmupSteps < 0 || (steps > 0 && WarmupSteps > steps))
            yield return $"warmup_steps is {WarmupSteps}; it must be from 0 to the {steps} steps of the run.";
        if (Beta1 is not (>= 0 and < 1))
            yield return $"beta1 is {Beta1}; it must be in [0, 1).";
        if (Beta2 is not (>= 0 and < 1))
            yield return $"beta2 is {Beta2}; it must be in [0, 1).";
        if (Epsilon is not > 0)
            yield return $"epsilon is {Epsilon}; it must be positive.";
        if (WeightDecay is not >= 0)
            yield return $"weight_decay is {WeightDecay}; it must not be negative.";
        if (ClipNorm is { } norm && norm is not > 0)
            yield return $"clip_norm is {norm}; it must be positive, or absent to clip nothing.";
    }

    /// <summary>The learning rate of step 1 … steps: rising linearly during warm-up, then falling linearly to reach zero after the last step.</summary>
    public double LearningRateOf(long step, long steps) =>
        step <= WarmupSteps
            ? LearningRate * step / WarmupSteps
            : LearningRate * (steps - step + 1) / (steps - WarmupSteps);
}
