using System.Globalization;
using MoeLora.Cli.Terminals;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MoeLora.Cli.Inspection;

/// <summary>The expert weights of every task: one bar for each task on a terminal, numbers where the output is redirected.</summary>
internal static class ExpertChart
{
    private const int BarWidth = 60;

    private static readonly Color[] Palette =
    [
        Color.SteelBlue1, Color.Orange1, Color.Green3, Color.Red3, Color.MediumPurple2, Color.Gold1, Color.HotPink, Color.Grey, Color.Aqua, Color.Olive,
    ];

    /// <summary>Prints the chart. Where every module has a gate of its own it shows their mean.</summary>
    public static void Print(AdapterInspection adapter, Terminal terminal)
    {
        int gates = adapter.Tasks[0].ExpertWeights.Count;
        terminal.Out.WriteLine(gates == 1 ? "expert weights by task:" : $"expert weights by task, the mean of {gates} gates:");
        var table = new Table { Border = terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii };
        table.AddColumn("id");
        table.AddColumn("task");
        if (terminal.OutIsTerminal)
            table.AddColumn(new TableColumn(Legend(adapter.Experts)));
        else
            table.AddColumns([.. Enumerable.Range(0, adapter.Experts).Select(expert => $"{expert}")]);
        table.AddColumn("norm of delta");
        foreach (InspectedTask task in adapter.Tasks)
        {
            double[] weights = Mean(task.ExpertWeights);
            IEnumerable<IRenderable> shown = terminal.OutIsTerminal ? [Bar(weights)] : weights.Select(weight => new Text(weight.ToString("F3", CultureInfo.InvariantCulture)));
            table.AddRow([new Text($"{task.Id}"), new Text(task.Name), .. shown, new Text(task.DeltaNorm.ToString("G4", CultureInfo.InvariantCulture))]);
        }

        terminal.OutConsole().Write(table);
    }

    private static double[] Mean(IReadOnlyList<float[]> gates) =>
        [.. Enumerable.Range(0, gates[0].Length).Select(expert => gates.Average(weights => (double)weights[expert]))];

    private static BreakdownChart Bar(double[] weights)
    {
        var chart = new BreakdownChart { Width = BarWidth, ShowTags = false };
        for (int expert = 0; expert < weights.Length; expert++)
            chart.AddItem($"{expert}", weights[expert], Palette[expert % Palette.Length]);
        return chart;
    }

    private static Markup Legend(int experts) =>
        new(string.Join(' ', Enumerable.Range(0, experts).Select(expert => $"[{Palette[expert % Palette.Length].ToMarkup()}]■[/] {expert}")));
}
