using MoeLora.Training.Records;

namespace MoeLora.Training.Samples;

/// <summary>Text before an input that names its task, for methods that know a task by nothing else.</summary>
public static class TaskPreface
{
    /// <summary>A line with the task's name.</summary>
    public static string Of(PromptRecord record) => $"任务：{record.TaskDataset}\n";
}
