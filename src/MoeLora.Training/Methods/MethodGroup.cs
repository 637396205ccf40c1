namespace MoeLora.Training.Methods;

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

/// <summary>The names of <see cref="MethodGroup"/>.</summary>
public static class MethodGroups
{
    /// <summary>As in tables.</summary>
    public static string NameOf(MethodGroup group) => group switch
    {
        MethodGroup.WithoutFineTuning => "Without fine-tuning",
        MethodGroup.SingleAdapters => "LoRA and P-Tuning",
        MethodGroup.CrossTask => "Multi-task and cross-task",
        MethodGroup.MoeLora => "MOELoRA",
        _ => "Ablations",
    };
}
