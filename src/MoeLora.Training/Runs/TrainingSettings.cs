using MoeLora.Training.Optimization;
using MoeLora.Training.Sampling;

namespace MoeLora.Training.Runs;

/// <summary>How a run trains; the defaults are the paper's.</summary>
public sealed record TrainingSettings
{
    /// <summary>Optimizer steps.</summary>
    public long Steps { get; init; } = 8000;

    /// <summary>Samples of a step, over as many passes as they need.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Rows of a pass at most; a longer sample makes a pass of its own. More rows need more memory and change results by rounding only.</summary>
    public int PassRows { get; init; } = 2048;

    /// <summary>Learning rate and what belongs to it.</summary>
    public OptimizerSettings Optimizer { get; init; } = new();

    /// <summary>How samples are drawn.</summary>
    public SamplerKind Sampler { get; init; } = SamplerKind.Mixed;

    /// <summary>T of <see cref="SamplerKind.Temperature"/>.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Of draws and dropout.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>Steps from one validation to the next; 0 never validates.</summary>
    public int ValidationInterval { get; init; }

    /// <summary>Validations without a lower loss after which training stops; 0 never stops early.</summary>
    public int Patience { get; init; }

    /// <summary>Everything that is wrong with these settings.</summary>
    public IEnumerable<string> FindProblems()
    {
        if (Steps < 1)
            yield return $"steps is {Steps}; it must be at least 1.";
        if (BatchSize < 1)
            yield return $"batch_size is {BatchSize}; it must be at least 1.";
        if (PassRows < 1)
            yield return $"pass_rows is {PassRows}; it must be at least 1.";
        if (!(Temperature > 0) || double.IsInfinity(Temperature))
            yield return $"temperature is {Temperature}; it must be positive.";
        if (ValidationInterval < 0)
            yield return $"validation_interval is {ValidationInterval}; it must not be negative.";
        if (Patience < 0)
            yield return $"patience is {Patience}; it must not be negative.";
        if (Patience > 0 && ValidationInterval == 0)
            yield return "patience needs a validation_interval.";
        foreach (string problem in Optimizer.FindProblems(Steps))
            yield return problem;
    }
}
