using MoeLora.Models.Prompts;
using MoeLora.Tensors;

namespace MoeLora.Serving.Bases;

/// <summary>A base model of a node, and how much it does at once.</summary>
public sealed record BaseModelOptions
{
    /// <summary>Its directory, as published.</summary>
    public required string ModelDirectory { get; init; }

    /// <summary>Its name for callers; null is the last part of its directory.</summary>
    public string? Name { get; init; }

    /// <summary>How dense weights are kept.</summary>
    public DType Weights { get; init; } = DType.F32;

    /// <summary>Where it computes: one of <see cref="DeviceKinds"/>, such as <c>cpu</c>.</summary>
    public string Device { get; init; } = DeviceKinds.Cpu;

    /// <summary>Threads that compute; null is one for each core that the process may use.</summary>
    public int? Threads { get; init; }

    /// <summary>Most answers that run at once.</summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>Most requests that wait.</summary>
    public int QueueLength { get; init; } = 64;

    /// <summary>Most requests of one tenant that wait; null is half of <see cref="QueueLength"/>, so that no tenant fills it alone.</summary>
    public int? TenantQueueLength { get; init; }

    /// <summary>
    /// Memory for keys and values in bytes; null is what <see cref="MaxSequences"/> answers of 2,048 positions need, but at most a quarter of the device's
    /// own memory, or of what the process may use, and at least one whole context.
    /// </summary>
    public long? KvBytes { get; init; }

    /// <summary>Most prompt tokens in a step.</summary>
    public int StepTokens { get; init; } = 256;

    /// <summary>How the messages of a conversation are laid out; what its adapters were trained with.</summary>
    public PromptFormat PromptFormat { get; init; } = PromptFormat.Plain;

    /// <summary>Keeps keys and values of prompts for later ones of the same tenant, task and version that begin alike.</summary>
    public bool PrefixCache { get; init; }

    /// <summary>The name for callers.</summary>
    internal string ModelName => Name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(ModelDirectory)));

    /// <summary>Everything that is wrong, each the end of a sentence; empty when nothing is.</summary>
    internal IEnumerable<string> FindProblems()
    {
        if (string.IsNullOrEmpty(ModelDirectory))
            yield return "a model directory is needed";
        if (DeviceKinds.FindProblem(Device) is { } problem)
            yield return problem;
        if (Threads < 1)
            yield return "at least one thread must compute";
        if (MaxSequences < 1)
            yield return "at least one answer must run";
        if (QueueLength < 1 || TenantQueueLength < 1)
            yield return "the queue must hold at least one request";
        if (KvBytes < 1)
            yield return "keys and values need memory";
        if (StepTokens < 1)
            yield return "a step must take at least one token of a prompt";
    }
}
