namespace MoeLora.Training.Reports.Results;

/// <summary>The blocks of the overall table.</summary>
public enum MethodGroup
{
    /// <summary>The base model as it is.</summary>
    WithoutFineTuning,

    /// <summary>One adapter for all tasks, or one for each.</summary>
    SingleAdapters,

    /// <summary>Methods that share between tasks in other ways.</summary>
    CrossTask,

    /// <summary>The paper's method and its gates.</summary>
    MoeLora,

    /// <summary>The method with a part taken away; in the table of ablations only.</summary>
    Ablation,
}

/// <summary>A method that an experiment compares.</summary>
/// <param name="Id">As in configurations and results, such as <c>moelora-d</c>.</param>
/// <param name="Name">As in tables.</param>
/// <param name="Group">Where it stands in them.</param>
public sealed record ExperimentMethod(string Id, string Name, MethodGroup Group);

/// <summary>The methods of the paper (arXiv 2310.18339, section 4) that experiments know.</summary>
public static class ExperimentMethods
{
    /// <summary>MOELoRA with its dense gate: what all others are compared with.</summary>
    public const string Dense = "moelora-d";

    /// <summary>All, in the order of the tables.</summary>
    public static IReadOnlyList<ExperimentMethod> All { get; } =
    [
        new("in-context", "In-context learning", MethodGroup.WithoutFineTuning),
        new("p-tuning", "P-Tuning", MethodGroup.SingleAdapters),
        new("lora-full", "LoRA (Full)", MethodGroup.SingleAdapters),
        new("lora-single", "LoRA (Single)", MethodGroup.SingleAdapters),
        new("lora-task-prompt", "LoRA (Full + task prompt)", MethodGroup.SingleAdapters),
        new("task-arithmetic", "Task-Arithmetic", MethodGroup.CrossTask),
        new("lorahub", "LoRAHub", MethodGroup.CrossTask),
        new("molora", "MoLoRA", MethodGroup.CrossTask),
        new("moelora-m", "MOELoRA (M)", MethodGroup.MoeLora),
        new("moelora-s", "MOELoRA (S)", MethodGroup.MoeLora),
        new(Dense, "MOELoRA (D)", MethodGroup.MoeLora),
        new("without-moe", "Without MOE", MethodGroup.Ablation),
        new("without-gate", "Without gate", MethodGroup.Ablation),
    ];

    /// <summary>The method with exactly this id; null when there is none.</summary>
    public static ExperimentMethod? Find(string id) => All.FirstOrDefault(method => method.Id == id);

    /// <summary>The name of a group, for tables.</summary>
    public static string NameOf(MethodGroup group) => group switch
    {
        MethodGroup.WithoutFineTuning => "Without fine-tuning",
        MethodGroup.SingleAdapters => "LoRA and P-Tuning",
        MethodGroup.CrossTask => "Multi-task and cross-task",
        MethodGroup.MoeLora => "MOELoRA",
        _ => "Ablations",
    };
}
