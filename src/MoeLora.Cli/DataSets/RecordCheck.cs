using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;
using Spectre.Console;

namespace MoeLora.Cli.DataSets;

/// <summary>What files of records hold and what is wrong with them. Also the JSON that is printed.</summary>
internal sealed class RecordCheck(IReadOnlyList<string> files, RecordSummary summary, RecordProblems problems)
{
    public bool Ok => problems.Count == 0;

    public IReadOnlyList<string> Files => files;

    /// <summary>Records without a problem.</summary>
    public int Records => summary.Records;

    /// <summary>Lines that gave no record.</summary>
    public int BadLines => problems.BadLines;

    /// <summary>The unit of the lengths.</summary>
    public string LengthUnit => summary.Unit;

    public IReadOnlyList<RecordSummary.TaskSummary> Tasks => summary.Tasks;

    public int ProblemCount => problems.Count;

    public IReadOnlyDictionary<string, int> ProblemCounts => problems.Counts.ToDictionary(count => RecordProblems.Name(count.Key), count => count.Value);

    /// <summary>The first in words.</summary>
    public IReadOnlyList<RecordProblem> Problems => problems.First;

    public void Print(Terminal terminal)
    {
        Table table = new Table().Border(terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii)
            .AddColumn("Task")
            .AddColumn(new TableColumn("Records").RightAligned())
            .AddColumn(new TableColumn($"Prompt {LengthUnit}, mean").RightAligned())
            .AddColumn(new TableColumn("most").RightAligned())
            .AddColumn(new TableColumn($"Answer {LengthUnit}, mean").RightAligned())
            .AddColumn(new TableColumn("most").RightAligned());
        foreach (RecordSummary.TaskSummary task in Tasks)
            table.AddRow(task.Task, Text(task.Records), Text(task.Input.Mean), Text(task.Input.Max), Text(task.Target.Mean), Text(task.Target.Max));
        terminal.OutConsole().Write(table);
        if (!Ok)
            terminal.Out.WriteLine(problems.ToString());
        terminal.Out.WriteLine(Ok
            ? $"{Records} records in {files.Count} {(files.Count == 1 ? "file" : "files")}; nothing is wrong with them."
            : $"{problems.Count} {(problems.Count == 1 ? "problem" : "problems")} ({problems.DescribeCounts()}); {Records} records are good, {BadLines} {(BadLines == 1 ? "line is" : "lines are")} not.");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(double number) => number.ToString("0.0", CultureInfo.InvariantCulture);
}
