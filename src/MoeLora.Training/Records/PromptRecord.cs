namespace MoeLora.Training.Records;

/// <summary>One sample in PromptCBLUE's format: a prompt and the answer that belongs to it.</summary>
public sealed record PromptRecord
{
    /// <summary>The prompt, complete and in words; never empty.</summary>
    public required string Input { get; init; }

    /// <summary>The expected answer, or a model's in a file of predictions. May be empty only in the latter and in tests without answers.</summary>
    public required string Target { get; init; }

    /// <summary>The answers or labels to choose from; null for tasks that have none.</summary>
    public required IReadOnlyList<string>? AnswerChoices { get; init; }

    /// <summary>The kind of task, such as <c>ner</c>; nothing depends on it.</summary>
    public required string TaskType { get; init; }

    /// <summary>The task, one of <see cref="PromptTasks.All"/>.</summary>
    public required string TaskDataset { get; init; }

    /// <summary>Names the record among those of its task in a file.</summary>
    public required string SampleId { get; init; }

    /// <summary>The file that it was read from; null when it was not read.</summary>
    public string? SourceFile { get; init; }

    /// <summary>The line in <see cref="SourceFile"/>, from 1; 0 when it was not read.</summary>
    public int SourceLine { get; init; }
}
