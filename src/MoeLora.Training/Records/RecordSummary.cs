using System.Text;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Training.Records;

/// <summary>How many records each task has and how long they are.</summary>
/// <param name="tokenizer">Counts tokens; without one lengths are in characters.</param>
public sealed class RecordSummary(ITokenizer? tokenizer = null)
{
    private readonly Dictionary<string, TaskSummary> _tasks = [];

    /// <summary>The unit of all lengths: <c>tokens</c> or <c>characters</c>.</summary>
    public string Unit => tokenizer is null ? "characters" : "tokens";

    /// <summary>All records.</summary>
    public int Records => _tasks.Values.Sum(task => task.Records);

    /// <summary>The tasks that occur, in the order of <see cref="PromptTasks.All"/>.</summary>
    public IReadOnlyList<TaskSummary> Tasks => [.. PromptTasks.All.Where(task => _tasks.ContainsKey(task.Name)).Select(task => _tasks[task.Name])];

    /// <summary>Counts a record.</summary>
    public void Add(PromptRecord record)
    {
        if (!_tasks.TryGetValue(record.TaskDataset, out TaskSummary? task))
            _tasks.Add(record.TaskDataset, task = new TaskSummary(record.TaskDataset));
        task.Records++;
        task.Input.Add(Measure(record.Input));
        task.Target.Add(Measure(record.Target));
    }

    private int Measure(string text) => tokenizer?.Encode(text, addSpecialTokens: false).Count ?? Count(text.EnumerateRunes());

    private static int Count(StringRuneEnumerator runes)
    {
        int count = 0;
        foreach (Rune _ in runes)
            count++;
        return count;
    }

    /// <summary>The records of one task.</summary>
    public sealed class TaskSummary(string task)
    {
        /// <summary>The task's name.</summary>
        public string Task => task;

        /// <summary>How many.</summary>
        public int Records { get; internal set; }

        /// <summary>The lengths of the prompts.</summary>
        public Lengths Input { get; } = new();

        /// <summary>The lengths of the answers.</summary>
        public Lengths Target { get; } = new();
    }

    /// <summary>Mean and maximum of lengths.</summary>
    public sealed class Lengths
    {
        private long _sum;
        private int _count;

        /// <summary>0 when there are none.</summary>
        public double Mean => _count == 0 ? 0 : (double)_sum / _count;

        /// <summary>The longest.</summary>
        public int Max { get; private set; }

        internal void Add(int length)
        {
            _sum += length;
            _count++;
            Max = Math.Max(Max, length);
        }
    }
}
