using MoeLora.Models.Prompts;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Configuration;

/// <summary>
/// Everything that a training run is configured with; the defaults are the paper's. <see cref="TrainingOptions.All"/> is the table of its options.
/// </summary>
public sealed record TrainingConfiguration
{
    /// <summary>Directory of the base model.</summary>
    public string Model { get; init; } = "";

    /// <summary>File of records to learn from.</summary>
    public string Train { get; init; } = "";

    /// <summary>File of records to validate on; null never validates.</summary>
    public string? Validation { get; init; }

    /// <summary>Directory of the outputs.</summary>
    public string Out { get; init; } = "";

    /// <summary>What is trained.</summary>
    public TrainingMethod Method { get; init; } = TrainingMethod.MoeLora;

    /// <summary>Shape of the experts as configured; <see cref="MethodExperts"/> is what the method makes of it.</summary>
    public ExpertSettings Experts { get; init; } = new();

    /// <summary>Virtual tokens of <see cref="TrainingMethod.PTuning"/>.</summary>
    public int VirtualTokens { get; init; } = 20;

    /// <summary>Steps, batches, optimizer, sampler, validation.</summary>
    public TrainingSettings Training { get; init; } = new();

    /// <summary>Steps from one checkpoint to the next; 0 writes one at the end only.</summary>
    public int CheckpointInterval { get; init; } = 500;

    /// <summary>Whether layers are computed a second time instead of being kept for the backward pass.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>What is written around inputs.</summary>
    public PromptFormat Format { get; init; } = PromptFormat.Plain;

    /// <summary>The most tokens of an input.</summary>
    public int MaxInputTokens { get; init; } = 1024;

    /// <summary>The most tokens of an answer.</summary>
    public int MaxTargetTokens { get; init; } = 196;

    /// <summary>What becomes of longer records.</summary>
    public OverLong OverLong { get; init; } = OverLong.Refuse;

    /// <summary>Whether bad records are left out instead of being refused.</summary>
    public bool SkipBad { get; init; }

    /// <summary>How the frozen weights are kept; null as they were published.</summary>
    public DType? Weights { get; init; }

    /// <summary>Where it computes: one of <see cref="DeviceKinds"/>, such as <c>cpu</c>.</summary>
    public string Device { get; init; } = DeviceKinds.Cpu;

    /// <summary>Threads that compute; null is one for each core.</summary>
    public int? Threads { get; init; }

    /// <summary>Trains on records of these tasks only; null takes all.</summary>
    public IReadOnlyList<string>? Tasks { get; init; }

    /// <summary>Shape and gate of the experts under <see cref="Method"/>: a LoRA is one expert without a gate.</summary>
    public ExpertSettings MethodExperts => Method switch
    {
        TrainingMethod.Lora or TrainingMethod.LoraTaskPrompt => Experts with { Gate = GateKind.None, ExpertCount = 1, TopK = null },
        TrainingMethod.MoLora => Experts with { Gate = GateKind.Shared, TopK = null },
        _ => Experts,
    };

    /// <summary>Everything that is wrong with this configuration; each message begins with the key of its option.</summary>
    public IEnumerable<string> FindProblems()
    {
        foreach ((string key, string value, string what) in new[] { ("model", Model, "the base model's directory"), ("train", Train, "the file of records to learn from"), ("out", Out, "the directory of the outputs") })
        {
            if (value.Length == 0)
                yield return $"{key} is missing; it names {what}.";
        }
        if (Validation is null && Training.ValidationInterval > 0)
            yield return "validation_interval needs a file of validation records.";
        if (Validation is not null && Training.ValidationInterval == 0)
            yield return "validation needs a validation_interval of at least 1.";
        if (Method != TrainingMethod.PTuning)
        {
            foreach (string problem in MethodExperts.FindProblems())
                yield return problem;
        }
        foreach (string problem in Training.FindProblems())
            yield return problem;
        foreach ((string key, int value, int least) in new[] { ("virtual_tokens", VirtualTokens, 1), ("checkpoint_interval", CheckpointInterval, 0), ("max_input_tokens", MaxInputTokens, 1), ("max_target_tokens", MaxTargetTokens, 1), ("threads", Threads ?? 1, 1) })
        {
            if (value < least)
                yield return $"{key} is {value}; it must be at least {least}.";
        }
        if (DeviceKinds.FindProblem(Device) is { } unknown)
            yield return $"device: {unknown}.";
        if (Tasks is { Count: 0 })
            yield return "task is empty; leave it out to train on all tasks.";
    }
}
