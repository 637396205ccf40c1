using System.Globalization;
using System.Text.Json.Serialization;
using MoeLora.Cli.Terminals;
using Spectre.Console;

namespace MoeLora.Cli.Demonstration;

/// <summary>One version's answer to the shown prompt, and its score over all held-out records of the task.</summary>
internal sealed record DemoVersion(string Answer, double Score);

/// <summary>One task: the shown prompt and what both versions make of it.</summary>
internal sealed record DemoTask(string Task, string Metric, int Records, string Prompt, string Expected, DemoVersion V1, DemoVersion V2);

/// <summary>What happened to the requests that ran while version 2 was published.</summary>
/// <param name="Requests">Sent before, during and after.</param>
/// <param name="ByV1">Answered by version 1.</param>
/// <param name="ByV2">Answered by version 2.</param>
/// <param name="Lost">Not answered.</param>
/// <param name="Mixed">Answers that are not one version's answer to their prompt.</param>
internal sealed record DemoUpgrade(int Requests, int ByV1, int ByV2, int Lost, int Mixed)
{
    /// <summary>Whether every request had one version's whole answer.</summary>
    [JsonIgnore]
    public bool IsClean => Lost == 0 && Mixed == 0;
}

/// <summary>What <c>moelora demo</c> shows.</summary>
internal sealed record DemoReport
{
    private const int ShownCharacters = 120;

    /// <summary>Every task, in the order of the score tables.</summary>
    public required IReadOnlyList<DemoTask> Tasks { get; init; }

    /// <summary>The mean of the tasks' scores with version 1.</summary>
    public required double AverageV1 { get; init; }

    /// <summary>The mean of the tasks' scores with version 2.</summary>
    public required double AverageV2 { get; init; }

    /// <summary>What happened to the requests of the upgrade.</summary>
    public required DemoUpgrade Upgrade { get; init; }

    /// <summary>Time of all of it, loading included.</summary>
    public double WallSeconds { get; init; }

    public void Print(Terminal terminal)
    {
        IAnsiConsole console = terminal.OutConsole();
        foreach (DemoTask task in Tasks)
        {
            terminal.Out.WriteLine();
            terminal.Out.WriteLine($"{task.Task}");
            foreach ((string label, string text) in new[] { ("prompt", task.Prompt), ("expected", task.Expected), ("v1", task.V1.Answer), ("v2", task.V2.Answer) })
                terminal.Out.WriteLine($"  {label,-8} {Short(text)}");
        }
        terminal.Out.WriteLine();
        Table table = new Table().Border(TableBorder.Ascii).AddColumns("Task", "Metric", "Records", "v1", "v2", "Change");
        foreach (DemoTask task in Tasks)
            table.AddRow(task.Task, task.Metric, task.Records.ToString(CultureInfo.InvariantCulture), Number(task.V1.Score), Number(task.V2.Score), Signed(task.V2.Score - task.V1.Score));
        table.AddRow("average", "", "", Number(AverageV1), Number(AverageV2), Signed(AverageV2 - AverageV1));
        console.Write(table);
        terminal.Out.WriteLine(
            $"Version 2 was published while requests ran: {Upgrade.Requests} sent, {Upgrade.ByV1} answered by v1, {Upgrade.ByV2} by v2, {Upgrade.Lost} lost, {Upgrade.Mixed} mixed.");
        terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"All of it took {WallSeconds:0.0} s."));
    }

    private static string Short(string text)
    {
        string line = text.ReplaceLineEndings(" ⏎ ");
        return line.Length <= ShownCharacters ? line : line[..ShownCharacters] + "…";
    }

    private static string Number(double score) => score.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Signed(double change) => change.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture);
}
