namespace MoeLora.Training.Methods;

/// <summary>The groups in which the paper's table 2 compares methods.</summary>
public enum MethodGroup
{
    /// <summary>The base model as it is, with demonstrations in the prompt.</summary>
    WithoutTuning,

    /// <summary>Parameter-efficient fine-tuning that knows nothing of several tasks.</summary>
    FineTuning,

    /// <summary>Adapters of single tasks put together.</summary>
    CrossTask,

    /// <summary>Experts and gates.</summary>
    Experts,

    /// <summary>Parts of MOELoRA left out or changed.</summary>
    Ablation,
}

/// <summary>A way of making the base model answer all tasks.</summary>
/// <param name="Id">As commands and result files name it.</param>
/// <param name="Title">As tables name it.</param>
/// <param name="Group">Where tables put it.</param>
/// <param name="IsRecoverable">Whether each task's weights can be built before inference, so that answers cost what the base model's do.</param>
public sealed record Method(string Id, string Title, MethodGroup Group, bool IsRecoverable)
{
    /// <summary>The base model with demonstrations of the task in its prompt.</summary>
    public static readonly Method InContext = new("in-context", "In-context learning", MethodGroup.WithoutTuning, IsRecoverable: true);

    /// <summary>Virtual tokens (arXiv 2103.10385).</summary>
    public static readonly Method PTuning = new("p-tuning", "P-Tuning", MethodGroup.FineTuning, IsRecoverable: false);

    /// <summary>One LoRA for all tasks.</summary>
    public static readonly Method LoraFull = new("lora-full", "LoRA (Full)", MethodGroup.FineTuning, IsRecoverable: true);

    /// <summary>One LoRA for each task.</summary>
    public static readonly Method LoraSingle = new("lora-single", "LoRA (Single)", MethodGroup.FineTuning, IsRecoverable: true);

    /// <summary>One LoRA for all tasks, whose prompts name the task.</summary>
    public static readonly Method LoraTaskPrompt = new("lora-task-prompt", "LoRA (Full + task prompt)", MethodGroup.FineTuning, IsRecoverable: true);

    /// <summary>The sum of all tasks' LoRAs, scaled (arXiv 2212.04089).</summary>
    public static readonly Method TaskArithmetic = new("task-arithmetic", "Task-Arithmetic", MethodGroup.CrossTask, IsRecoverable: true);

    /// <summary>A composition of all tasks' LoRAs, searched without gradients for each task (arXiv 2307.13269).</summary>
    public static readonly Method LoraHub = new("lorahub", "LoRAHub", MethodGroup.CrossTask, IsRecoverable: true);

    /// <summary>Experts weighted for each token by its own representation (arXiv 2309.05444).</summary>
    public static readonly Method MoLora = new("molora", "MoLoRA", MethodGroup.Experts, IsRecoverable: false);

    /// <summary>MOELoRA with the dense gate.</summary>
    public static readonly Method MoeLoraDense = new("moelora-d", "MOELoRA (D)", MethodGroup.Experts, IsRecoverable: true);

    /// <summary>MOELoRA with the sparse gate.</summary>
    public static readonly Method MoeLoraSparse = new("moelora-s", "MOELoRA (S)", MethodGroup.Experts, IsRecoverable: true);

    /// <summary>MOELoRA with a gate in each layer.</summary>
    public static readonly Method MoeLoraMultiple = new("moelora-m", "MOELoRA (M)", MethodGroup.Ablation, IsRecoverable: true);

    /// <summary>Experts with equal weights.</summary>
    public static readonly Method WithoutGate = new("without-gate", "w/o gate", MethodGroup.Ablation, IsRecoverable: true);

    /// <summary>One expert: LoRA (Full) under the name that the paper's ablation gives it.</summary>
    public static readonly Method WithoutMoe = new("without-moe", "w/o MOE", MethodGroup.Ablation, IsRecoverable: true);

    /// <summary>All of them, in the order of tables.</summary>
    public static IReadOnlyList<Method> All { get; } =
    [
        InContext, PTuning, LoraFull, LoraSingle, LoraTaskPrompt, TaskArithmetic, LoraHub, MoLora, MoeLoraDense, MoeLoraSparse, MoeLoraMultiple, WithoutGate, WithoutMoe,
    ];

    /// <summary>The method with this id, or null.</summary>
    public static Method? Find(string id) => All.FirstOrDefault(method => method.Id == id);
}
