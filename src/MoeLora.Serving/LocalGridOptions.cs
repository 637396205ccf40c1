using MoeLora.Models.Prompts;
using MoeLora.Serving.Bases;
using MoeLora.Tensors;

namespace MoeLora.Serving;

/// <summary>What a <see cref="LocalGrid"/> serves, and how.</summary>
public sealed record LocalGridOptions
{
    /// <summary>The base model's directory, as published. Its last part is the base model's name.</summary>
    public required string ModelDirectory { get; init; }

    /// <summary>
    /// The adapter's directory: a bundle, the authors' format or a plain PEFT LoRA. Null serves the base model by itself; no request is
    /// ever answered from the bare base model otherwise.
    /// </summary>
    public required string? AdapterDirectory { get; init; }

    /// <summary>The authors' <c>task_dataset.json</c>, for an adapter that does not name its tasks; null names them by their ids.</summary>
    public string? TaskNamesFile { get; init; }

    /// <summary>How dense weights are kept.</summary>
    public DType Weights { get; init; } = DType.F32;

    /// <summary>Where it computes: one of <see cref="DeviceKinds"/>, such as <c>cpu</c>.</summary>
    public string Device { get; init; } = DeviceKinds.Cpu;

    /// <summary>Threads that compute; null is one for each core that the process may use.</summary>
    public int? Threads { get; init; }

    /// <summary>Serves every task with recovered weights of its own instead of in shared form. Each costs a copy of the adapted weights.</summary>
    public bool MergeAllTasks { get; init; }

    /// <summary>Tasks, by name or id, to be served with recovered weights while the others share.</summary>
    public IReadOnlyList<string> MergedTasks { get; init; } = [];

    /// <summary>Recovers weights before the grid is ready; otherwise a task's first request waits for its own.</summary>
    public bool MergeAtStart { get; init; }

    /// <summary>Most answers that run at once.</summary>
    public int MaxSequences { get; init; } = 32;

    /// <summary>Most requests that wait.</summary>
    public int QueueLength { get; init; } = 64;

    /// <summary>How the messages of a conversation are laid out.</summary>
    public PromptFormat PromptFormat { get; init; } = PromptFormat.Plain;

    /// <summary>What these options say of the base model.</summary>
    internal BaseModelOptions Base => new()
    {
        ModelDirectory = ModelDirectory,
        Weights = Weights,
        Device = Device,
        Threads = Threads,
        MaxSequences = MaxSequences,
        QueueLength = QueueLength,
        TenantQueueLength = QueueLength,
        PromptFormat = PromptFormat,
    };

    /// <exception cref="ArgumentException">Options do not fit each other; it lists all problems.</exception>
    internal void Validate()
    {
        var problems = new List<string>();
        problems.AddRange(Base.FindProblems());
        if (AdapterDirectory is null && TaskNamesFile is not null)
            problems.Add("task names are of no use without an adapter");
        if (AdapterDirectory is null && (MergeAllTasks || MergedTasks.Count > 0 || MergeAtStart))
            problems.Add("there is nothing to merge without an adapter");
        if (MergeAllTasks && MergedTasks.Count > 0)
            problems.Add("merge all tasks or name some, not both");
        if (MergeAtStart && !MergeAllTasks && MergedTasks.Count == 0)
            problems.Add("say which tasks to merge at the start");
        if (problems.Count > 0)
            throw new ArgumentException($"The grid cannot be made: {string.Join("; ", problems)}.");
    }
}
