namespace MoeLora.Adapters;

/// <summary>How an adapter's experts are gated.</summary>
public enum AdapterKind
{
    /// <summary>One task embedding and one gate for all layers (the authors' MMOELORAS).</summary>
    SharedGate,

    /// <summary>A task embedding and a gate of its own in every adapted module (the authors' MMOELORA, the paper's multiple gates).</summary>
    GatePerModule,

    /// <summary>Plain LoRA: one expert, no gate, one task whose weight is 1.</summary>
    Lora,
}

/// <summary>The published names of <see cref="AdapterKind"/>.</summary>
public static class AdapterKinds
{
    /// <summary>The <c>peft_type</c> of an <c>adapter_config.json</c>: MMOELORAS, MMOELORA or LORA.</summary>
    public static string PeftType(this AdapterKind kind) => kind switch
    {
        AdapterKind.SharedGate => "MMOELORAS",
        AdapterKind.GatePerModule => "MMOELORA",
        AdapterKind.Lora => "LORA",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown kind of adapter."),
    };

    /// <summary>The kind of a <c>peft_type</c>, or null for one that cannot be read.</summary>
    public static AdapterKind? OfPeftType(string? peftType) => peftType switch
    {
        "MMOELORAS" => AdapterKind.SharedGate,
        "MMOELORA" => AdapterKind.GatePerModule,
        "LORA" => AdapterKind.Lora,
        _ => null,
    };
}
