using System.Text.Encodings.Web;
using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Training.Records;

namespace MoeLora.Training.Samples;

/// <summary>The tasks of a data set with the ids 1, 2, 3 … that their embeddings have.</summary>
public sealed class TaskSet
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true };

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    /// <summary>Tasks in the order of their ids.</summary>
    public TaskSet(IReadOnlyList<string> names)
    {
        if (names.Count == 0)
            throw new ArgumentException("There is no task.", nameof(names));
        Names = names;
        foreach (string name in names)
        {
            if (!_ids.TryAdd(name, _ids.Count + 1))
                throw new ArgumentException($"The task {name} is there twice.", nameof(names));
        }
    }

    /// <summary>Task names; the first has id 1.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How many.</summary>
    public int Count => Names.Count;

    /// <summary>Names as adapters hold them.</summary>
    public IReadOnlyList<TaskName> TaskNames => [.. Names.Select(name => TaskName.TryParse(name, out TaskName parsed) ? parsed : throw new ArgumentException($"'{name}' cannot be a task's name."))];

    /// <summary>The tasks that records belong to, in the order of <see cref="PromptTasks.All"/>.</summary>
    public static TaskSet Of(IEnumerable<PromptRecord> records)
    {
        var found = records.Select(record => record.TaskDataset).ToHashSet(StringComparer.Ordinal);
        return new TaskSet([.. PromptTasks.All.Select(task => task.Name).Where(found.Contains)]);
    }

    /// <summary>The id of a task, or null when the set has no such task.</summary>
    public int? Find(string name) => _ids.TryGetValue(name, out int id) ? id : null;

    /// <summary>Reads what <see cref="WriteTo"/> wrote.</summary>
    /// <exception cref="RecordException">The file does not name tasks 1, 2, 3 …</exception>
    public static TaskSet ReadFrom(string path)
    {
        try
        {
            Dictionary<string, int>? ids = JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, int>>>(File.ReadAllBytes(path))?.GetValueOrDefault("str2id");
            if (ids is { Count: > 0 } && ids.Values.Order().SequenceEqual(Enumerable.Range(1, ids.Count)))
                return new TaskSet([.. ids.OrderBy(task => task.Value).Select(task => task.Key)]);
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new RecordException($"{path} must be {{\"str2id\": {{\"name\": id}}}} with the ids 1, 2, 3 …");
    }

    /// <summary>Writes the task names in the authors' form, <c>{"str2id": {"name": id}}</c>.</summary>
    public void WriteTo(string path) => File.WriteAllText(path, JsonSerializer.Serialize(new Dictionary<string, Dictionary<string, int>> { ["str2id"] = _ids }, Readable) + "\n");
}
