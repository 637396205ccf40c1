using System.Text.Json.Serialization;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Reports.Results;

/// <summary>Names a cell of an experiment: one training with one seed, and its evaluation.</summary>
/// <param name="Method">An id of <see cref="Method"/>.</param>
/// <param name="Variant">In what it differs from the experiment's settings.</param>
/// <param name="Seed">Of the initial values and the order of samples.</param>
public readonly record struct CellKey(string Method, ExperimentVariant Variant, int Seed)
{
    /// <summary>Such as <c>moelora-d experts=4 seed 1</c>.</summary>
    public override string ToString() => Variant == ExperimentVariant.Main ? $"{Method} seed {Seed}" : $"{Method} {Variant} seed {Seed}";
}

/// <summary>How a cell ended.</summary>
public enum CellStatus
{
    /// <summary>It has scores.</summary>
    Done,

    /// <summary>It has a reason why not.</summary>
    Failed,
}

/// <summary>What one cell of an experiment gave. What was not measured, or does not apply to the method, is null.</summary>
public sealed record ExperimentCell
{
    /// <summary>An id of <see cref="Method"/>.</summary>
    public required string Method { get; init; }

    /// <summary>In what it differs from the experiment's settings.</summary>
    public ExperimentVariant Variant { get; init; }

    /// <summary>Of the initial values and the order of samples.</summary>
    public required int Seed { get; init; }

    /// <summary>Whether it has scores.</summary>
    public required CellStatus Status { get; init; }

    /// <summary>Why it failed; null when it did not.</summary>
    public string? Failure { get; init; }

    /// <summary>By task. Empty when it failed.</summary>
    public IReadOnlyDictionary<string, TaskScore> Scores { get; init; } = new Dictionary<string, TaskScore>();

    /// <summary>Parameters that were trained. For one adapter a task: of all adapters together.</summary>
    public long? TrainableParameters { get; init; }

    /// <summary>Parameters of the base model and those trained.</summary>
    public long? TotalParameters { get; init; }

    /// <summary>Time of all trainings of the cell, validation included.</summary>
    public double? TrainingSeconds { get; init; }

    /// <summary>Tokens that went through the model in training.</summary>
    public long? TrainingTokens { get; init; }

    /// <summary>Steps taken, of all trainings of the cell.</summary>
    public long? Steps { get; init; }

    /// <summary>The lowest validation loss, in nats.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Mean time from a prompt to its whole answer.</summary>
    public double? MillisecondsPerAnswer { get; init; }

    /// <summary>Mean time per generated token.</summary>
    public double? MillisecondsPerToken { get; init; }

    /// <summary>ω of every task, [experts], for methods with a gate; where every layer has one, their mean.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<double>>? ExpertWeights { get; init; }

    /// <summary>The cell's name.</summary>
    [JsonIgnore]
    public CellKey Key => new(Method, Variant, Seed);

    /// <summary>The share of all parameters that is trained; null where one of them is unknown.</summary>
    [JsonIgnore]
    public double? TrainableShare => TotalParameters > 0 ? (double?)TrainableParameters / TotalParameters : null;

    /// <summary>The score of a task; null without one.</summary>
    public double? Score(string task) => Status == CellStatus.Done && Scores.TryGetValue(task, out TaskScore? score) ? score.Score : null;

    /// <summary>The mean score of tasks; null unless every one of them has a score, for means over different tasks do not compare.</summary>
    public double? Average(IReadOnlyList<string> tasks) =>
        tasks.Count > 0 && tasks.All(task => Score(task) is not null) ? tasks.Average(task => Score(task)!.Value) : null;
}
