namespace MoeLora.Training.Configuration;

/// <summary>What is trained on the frozen base model.</summary>
public enum TrainingMethod
{
    /// <summary>Experts that a gate weights by the task (arXiv 2310.18339).</summary>
    MoeLora,

    /// <summary>One LoRA for all tasks (arXiv 2106.09685).</summary>
    Lora,

    /// <summary>As <see cref="Lora"/>, with the task named at the beginning of every prompt.</summary>
    LoraTaskPrompt,

    /// <summary>Virtual tokens before every prompt (arXiv 2103.10385).</summary>
    PTuning,

    /// <summary>Experts that a router weights for each token (arXiv 2309.05444).</summary>
    MoLora,
}

/// <summary>What becomes of records with more tokens than the limits.</summary>
public enum OverLong
{
    /// <summary>They are bad data.</summary>
    Refuse,

    /// <summary>They are left out.</summary>
    Skip,

    /// <summary>They are cut at their ends.</summary>
    Cut,
}
