using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary><c>--task ID|NAME</c>.</summary>
internal sealed class TaskOption : Option<string?>
{
    public TaskOption()
        : base("--task")
    {
        Description = "The task to answer as, by name or id; needed with --adapter.";
        HelpName = "ID|NAME";
    }

    /// <summary>A task without an adapter, or an adapter without a task.</summary>
    public IEnumerable<string> FindProblems(ParseResult parsed, ModelSource source)
    {
        string? task = parsed.GetValue(this);
        if (task is null && source.Adapter is not null)
            yield return "an adapter answers as one of its tasks; say which with --task ID|NAME ('moelora inspect ADAPTER' lists them).";
        if (task is not null && source.Adapter is null)
            yield return "--task is a task of an adapter; give --adapter as well.";
    }
}
