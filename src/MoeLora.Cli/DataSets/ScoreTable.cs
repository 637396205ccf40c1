using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Scores;
using Spectre.Console;

namespace MoeLora.Cli.DataSets;

/// <summary>Scores as a table for people.</summary>
internal static class ScoreTable
{
    /// <summary>Prints a row for each task, and the average.</summary>
    public static void Print(this ScoreReport report, Terminal terminal)
    {
        Table table = new Table().Border(terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii).AddColumn("Task");
        foreach (string column in (string[])["Samples", "Score", "Micro-F1", "Macro-F1", "ROUGE-L", "Precision", "Recall"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach ((string task, TaskScore score) in report.Scores)
        {
            table.AddRow(
                task,
                score.Samples.ToString(CultureInfo.InvariantCulture),
                Text(score.Score),
                Text(score.MicroF1),
                Text(score.MacroF1),
                Text(score.RougeL),
                Text(score.Precision),
                Text(score.Recall));
        }

        table.AddRow("Average", report.Scores.Values.Sum(score => score.Samples).ToString(CultureInfo.InvariantCulture), Text(report.Average));
        terminal.OutConsole().Write(table);
    }

    private static string Text(double? score) => score?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "";
}
