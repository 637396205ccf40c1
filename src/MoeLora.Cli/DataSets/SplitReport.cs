using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;
using Spectre.Console;

namespace MoeLora.Cli.DataSets;

/// <summary>How a training set was split. Also the JSON that is printed.</summary>
internal sealed class SplitReport(string directory, int seed, RecordSplit split)
{
    public string Train => Path.Combine(directory, "train.jsonl");

    public string Dev => Path.Combine(directory, "dev.jsonl");

    public int Seed => seed;

    public IReadOnlyList<TaskSplit> Tasks => split.Tasks;

    /// <summary>Lines that were left out because of a problem.</summary>
    public int BadLines => split.Problems.BadLines;

    public IReadOnlyDictionary<string, int> ProblemCounts => split.Problems.Counts.ToDictionary(count => RecordProblems.Name(count.Key), count => count.Value);

    public void Print(Terminal terminal)
    {
        Table table = new Table().Border(terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii).AddColumn("Task");
        foreach (string column in (string[])["Given", "In test", "Repeated", "Train", "Dev", "Test"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (TaskSplit task in Tasks)
            AddRow(table, task);
        AddRow(table, new TaskSplit("All", Tasks.Sum(t => t.Given), Tasks.Sum(t => t.InTest), Tasks.Sum(t => t.Repeated), Tasks.Sum(t => t.Train), Tasks.Sum(t => t.Dev), Tasks.Sum(t => t.Test)));
        terminal.OutConsole().Write(table);
        if (split.Problems.Count > 0)
            terminal.Out.WriteLine($"{BadLines} bad {(BadLines == 1 ? "line" : "lines")} left out; problems: {split.Problems.DescribeCounts()}.");
        terminal.Out.WriteLine($"{Train} and {Dev} written.");
    }

    private static void AddRow(Table table, TaskSplit task)
    {
        int[] numbers = [task.Given, task.InTest, task.Repeated, task.Train, task.Dev, task.Test];
        table.AddRow([task.Task, .. numbers.Select(number => number.ToString(CultureInfo.InvariantCulture))]);
    }
}
