using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Models.Prompts;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Bundles;

/// <summary>Takes the check prompts of an adapter from a file of records.</summary>
/// <param name="File">The records; <c>task_dataset</c> is the task's name.</param>
/// <param name="PerTask">How many prompts of each task.</param>
/// <param name="Format">What is written around their inputs.</param>
internal sealed record RecordPrompts(string File, int PerTask, PromptFormat Format)
{
    /// <summary>
    /// The first different prompts of each task that fit the model's context, in the order of the tasks; tokenised as a text prompt is when
    /// it is served. Records of other tasks are left out.
    /// </summary>
    /// <exception cref="RecordException">Something is wrong with the file.</exception>
    /// <exception cref="CommandException">A task has too few prompts; it names all such tasks.</exception>
    public IReadOnlyList<CheckPrompt> Read(Adapter adapter, ITokenizer tokenizer, int maxPositions)
    {
        ILookup<string, PromptRecord> records = RecordFile.ReadAll(File, new RecordOptions { RequiresTargets = false }).ToLookup(record => record.TaskDataset);
        var prompts = new List<CheckPrompt>();
        var lacking = new List<string>();
        foreach (AdapterTask task in adapter.Tasks)
        {
            int[][] found =
            [
                .. records[task.Name.ToString()]
                    .Select(record => Format.Apply(record.Input))
                    .Distinct()
                    .Select(text => tokenizer.Encode(text).ToArray())
                    .Where(tokens => tokens.Length + BundleCheck.MaxAnswer <= maxPositions)
                    .Take(PerTask),
            ];
            if (found.Length < PerTask)
                lacking.Add($"{task}: {found.Length}");
            prompts.AddRange(found.Select(tokens => new CheckPrompt(task, tokens)));
        }

        return lacking.Count == 0
            ? prompts
            : throw new CommandException($"{File} has fewer than {PerTask} prompts that fit the model's context of {maxPositions} tokens for {string.Join(", ", lacking)}. The file has records of {string.Join(", ", records.Select(group => group.Key).Order(StringComparer.Ordinal))}; task names must be the adapter's (--task-names).");
    }
}
