using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;
using MoeLora.Training.Synthesis;
using Spectre.Console;

namespace MoeLora.Cli.DataSets;

/// <summary>What was made and where it was written. Also the JSON that is printed.</summary>
internal sealed class SynthesisReport(SyntheticData data, IReadOnlyList<string> files, int corpusTexts)
{
    public IReadOnlyList<string> Files => files;

    public IReadOnlyList<TaskCounts> Tasks { get; } =
        [.. PromptTasks.OfPaper.Select(task => new TaskCounts(task.Name, Count(data.Train, task), Count(data.Dev, task), Count(data.Test, task)))];

    /// <summary>Texts of the corpus; 0 when none was asked for.</summary>
    public int CorpusTexts => corpusTexts;

    public void Print(Terminal terminal)
    {
        Table table = new Table().Border(terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii).AddColumn("Task");
        foreach (string name in (string[])["Train", "Dev", "Test"])
            table.AddColumn(new TableColumn(name).RightAligned());
        foreach (TaskCounts task in Tasks)
            table.AddRow(task.Task, Text(task.Train), Text(task.Dev), Text(task.Test));
        table.AddRow("all", Text(Tasks.Sum(task => task.Train)), Text(Tasks.Sum(task => task.Dev)), Text(Tasks.Sum(task => task.Test)));
        terminal.OutConsole().Write(table);
        if (CorpusTexts > 0)
            terminal.Out.WriteLine($"{Text(CorpusTexts)} texts in the corpus.");
        terminal.Out.WriteLine($"Written: {string.Join(", ", Files)}");
    }

    private static int Count(IReadOnlyList<PromptRecord> records, PromptTask task) => records.Count(record => record.TaskDataset == task.Name);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The records of a task.</summary>
    internal sealed record TaskCounts(string Task, int Train, int Dev, int Test);
}
