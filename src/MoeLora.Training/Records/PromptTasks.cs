namespace MoeLora.Training.Records;

/// <summary>The tasks that records may belong to.</summary>
public static class PromptTasks
{
    /// <summary>All 16, in the order of PromptCBLUE's description.</summary>
    public static IReadOnlyList<PromptTask> All { get; } =
    [
        new("CMeEE-V2", "ner", NeedsChoices: true),
        new("CMeIE", "spo_generation", NeedsChoices: false),
        new("CHIP-CDN", "normalization", NeedsChoices: true),
        new("CHIP-CDEE", "event_extraction", NeedsChoices: false),
        new("CHIP-STS", "cls", NeedsChoices: false),
        new("CHIP-CTC", "cls", NeedsChoices: false),
        new("CHIP-MDCFNPC", "attr_cls", NeedsChoices: true),
        new("KUAKE-IR", "matching", NeedsChoices: false),
        new("KUAKE-QIC", "cls", NeedsChoices: false),
        new("KUAKE-QQR", "matching", NeedsChoices: false),
        new("KUAKE-QTR", "matching", NeedsChoices: false),
        new("MedDG", "response_generation", NeedsChoices: false),
        new("IMCS-V2-MRG", "report_generation", NeedsChoices: false),
        new("IMCS-V2-NER", "ner", NeedsChoices: true),
        new("IMCS-V2-DAC", "cls", NeedsChoices: false),
        new("IMCS-V2-SR", "attr_cls", NeedsChoices: true),
    ];

    /// <summary>The eight that the paper trains and compares on, in the order of its tables.</summary>
    public static IReadOnlyList<PromptTask> OfPaper { get; } =
    [
        .. new[] { "CMeIE", "CHIP-CDN", "CHIP-CDEE", "CHIP-MDCFNPC", "CHIP-CTC", "KUAKE-QIC", "IMCS-V2-MRG", "MedDG" }.Select(name => Find(name)!),
    ];

    /// <summary>The task with exactly this name; null when there is none.</summary>
    public static PromptTask? Find(string name)
    {
        foreach (PromptTask task in All)
        {
            if (task.Name == name)
                return task;
        }

        return null;
    }
}
