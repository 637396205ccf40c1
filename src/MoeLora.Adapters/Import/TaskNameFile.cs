using System.Text.Json;

namespace MoeLora.Adapters.Import;

/// <summary>The authors' <c>task_dataset.json</c>: {"str2id": {name: id}}.</summary>
internal static class TaskNameFile
{
    /// <summary>Reads the names of exactly the tasks 1 … <paramref name="taskCount"/>; null after adding to <paramref name="problems"/>.</summary>
    public static IReadOnlyList<AdapterTask>? Read(string path, int taskCount, List<string> problems)
    {
        try
        {
            using JsonDocument document = JsonFile.Read(path);
            if (!document.RootElement.TryGetProperty("str2id", out JsonElement ids) || ids.ValueKind != JsonValueKind.Object)
                throw new FormatException($"{path} has no object \"str2id\" of task names and ids.");
            return Read(ids, Path.GetFileName(path), taskCount, problems);
        }
        catch (FormatException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private static IReadOnlyList<AdapterTask>? Read(JsonElement ids, string file, int taskCount, List<string> problems)
    {
        int before = problems.Count;
        var tasks = new SortedDictionary<int, AdapterTask>();
        foreach (JsonProperty entry in ids.EnumerateObject())
        {
            if (!TaskName.TryParse(entry.Name, out TaskName name))
                problems.Add($"{file}: '{entry.Name}' is not a task name: 1 to {TaskName.MaxLength} characters, no '@', no control characters, no white space at the ends.");
            else if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id) || id < 1 || id > taskCount)
                problems.Add($"{file}: '{name}' has the id {entry.Value.GetRawText()}; the adapter's tasks are 1 to {taskCount}.");
            else if (!tasks.TryAdd(id, new AdapterTask(id, name)))
                problems.Add($"{file}: '{tasks[id].Name}' and '{name}' have the same id {id}.");
        }

        if (problems.Count == before && tasks.Count < taskCount)
        {
            int first = Enumerable.Range(1, taskCount).First(id => !tasks.ContainsKey(id));
            problems.Add($"{file}: {taskCount - tasks.Count} of the adapter's {taskCount} tasks have no name; the first is task {first}.");
        }

        if (problems.Count == before)
            problems.AddRange(Adapter.TaskFaults([.. tasks.Values]).Select(fault => $"{file}: {fault}"));
        return problems.Count == before ? [.. tasks.Values] : null;
    }
}
