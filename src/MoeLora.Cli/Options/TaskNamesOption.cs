using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary><c>--task-names FILE</c>.</summary>
internal sealed class TaskNamesOption : Option<string?>
{
    public TaskNamesOption()
        : base("--task-names")
    {
        Description = "Names of tasks, as in the authors' task_dataset.json, {\"str2id\": {name: id}}; without it tasks are named by the adapter's own tasks.json, or else by their ids. A bundle has its own names.";
        HelpName = "FILE";
    }
}
