namespace MoeLora.Training.Methods;

/// <summary>A way of making the base model answer all tasks.</summary>
/// <param name="Id">As commands and result files name it.</param>
/// <param name="Name">As tables name it.</param>
/// <param name="Group">Where tables put it.</param>
/// <param name="IsRecoverable">Whether each task's weights can be built before inference, so that answers cost what the base model's do.</param>
public sealed record Method(string Id, string Name, MethodGroup Group, bool IsRecoverable)
{
    /// <summary>The base model with demonstrations of the task in its prompt.</summary>
    public static readonly Method InContext = new("in-context", "In-context learning", MethodGroup.WithoutFineTuning, IsRecoverable: true);

    /// <summary>Virtual tokens (arXiv 2103.10385).</summary>
    public static readonly Method PTuning = new("p-tuning", "P-Tuning", MethodGroup.SingleAdapters, IsRecoverable: false);

    /// <summary>One LoRA for all tasks.</summary>
    public static readonly Method LoraFull = new("lora-full", "LoRA (Full)", MethodGroup.SingleAdapters, IsRecoverable: true);

    /// <summary>One LoRA for each task.</summary>
    public static readonly Method LoraSingle = new("lora-single", "LoRA (Single)", MethodGroup.SingleAdapters, IsRecoverable: true);

    /// <summary>One LoRA for all tasks, whose prompts name the task.</summary>
    public static readonly Method LoraTaskPrompt = new("lora-task-prompt", "LoRA (Full + task prompt)", MethodGroup.SingleAdapters, IsRecoverable: true);

    /// <summary>The sum of all tasks' LoRAs, scaled (arXiv 2212.04089).</summary>
    public static readonly Method TaskArithmetic = new("task-arithmetic", "Task-Arithmetic", MethodGroup.CrossTask, IsRecoverable: true);

    /// <summary>A composition of all tasks' LoRAs, searched without gradients for each task (arXiv 2307.13269).</summary>
    public static readonly Method LoraHub = new("lorahub", "LoRAHub", MethodGroup.CrossTask, IsRecoverable: true);

    /// <summary>Experts weighted for each token by its own representation (arXiv 2309.05444).</summary>
    public static readonly Method MoLora = new("molora", "MoLoRA", MethodGroup.CrossTask, IsRecoverable: false);

    /// <summary>MOELoRA with the dense gate.</summary>
    public static readonly Method MoeLoraDense = new("moelora-d", "MOELoRA (D)", MethodGroup.MoeLora, IsRecoverable: true);

    /// <summary>MOELoRA with the sparse gate.</summary>
    public static readonly Method MoeLoraSparse = new("moelora-s", "MOELoRA (S)", MethodGroup.MoeLora, IsRecoverable: true);

    /// <summary>MOELoRA with a gate in each layer.</summary>
    public static readonly Method MoeLoraMultiple = new("moelora-m", "MOELoRA (M)", MethodGroup.MoeLora, IsRecoverable: true);

    /// <summary>Experts with equal weights.</summary>
    public static readonly Method WithoutGate = new("without-gate", "Without gate", MethodGroup.Ablation, IsRecoverable: true);

    /// <summary>One expert: LoRA (Full) under the name that the paper's ablation gives it.</summary>
    public static readonly Method WithoutMoe = new("without-moe", "Without MOE", MethodGroup.Ablation, IsRecoverable: true);

    /// <summary>All of them, in the order of tables.</summary>
    public static IReadOnlyList<Method> All { get; } =
    [
        InContext, PTuning, LoraFull, LoraSingle, LoraTaskPrompt, TaskArithmetic, LoraHub, MoLora, MoeLoraMultiple, MoeLoraSparse, MoeLoraDense, WithoutMoe, WithoutGate,
    ];

    /// <summary>The method with this id, or null.</summary>
    public static Method? Find(string id) => All.FirstOrDefault(method => method.Id == id);
}
