namespace MoeLora.Training.Records;

/// <summary>One of PromptCBLUE's 16 tasks.</summary>
/// <param name="Name">As in the field <c>task_dataset</c>, which is also the adapter's task name.</param>
/// <param name="Type">As in the field <c>task_type</c>.</param>
/// <param name="NeedsChoices">Whether answers can be understood only with the record's <c>answer_choices</c>.</param>
public sealed record PromptTask(string Name, string Type, bool NeedsChoices);
