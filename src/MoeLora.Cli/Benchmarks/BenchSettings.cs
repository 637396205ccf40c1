using MoeLora.Contracts;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>What a benchmark runs.</summary>
internal sealed record BenchSettings
{
    /// <summary>The shape's name, for the report.</summary>
    public required string Shape { get; init; }

    /// <summary>The shape.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>How weights are kept.</summary>
    public DType Weights { get; init; } = DType.Q8;

    /// <summary>Tokens of every prompt.</summary>
    public int Prompt { get; init; } = 512;

    /// <summary>Decode steps of a round.</summary>
    public int Generate { get; init; } = 32;

    /// <summary>Whether and how a random adapter is served.</summary>
    public ServingMode Form { get; init; } = ServingMode.Base;

    /// <summary>Tasks of the adapter; sequence i of a batch is of task i mod this.</summary>
    public int Tasks { get; init; } = 8;

    /// <summary>r over all experts.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>N, which divides the rank.</summary>
    public int Experts { get; init; } = 8;

    /// <summary>Sequences decoded together.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Rounds that count, after one that warms up.</summary>
    public int Repeats { get; init; } = 5;
}
