using System.Globalization;
using MoeLora.Cli.Terminals;
using Spectre.Console;

namespace MoeLora.Cli.Verification;

/// <summary>What a verification found. Also the JSON that is printed.</summary>
/// <param name="Pack">The pack's directory.</param>
/// <param name="Weights">How the model's weights were kept.</param>
/// <param name="Device">What computed.</param>
/// <param name="Passed">Whether every judged comparison is within its tolerance, and there is at least one.</param>
/// <param name="Comparisons">All that the pack offers.</param>
/// <param name="NotCompared">What the pack has values for and nothing here computes.</param>
internal sealed record VerificationReport(
    string Pack,
    string Weights,
    string Device,
    bool Passed,
    IReadOnlyList<Comparison> Comparisons,
    IReadOnlyList<NotCompared> NotCompared) : IVerdict
{
    /// <summary>How far the same answers come from rounded weights; null where the weights were not kept in F32, or the pack has no answers.</summary>
    public GreedyAgreement? Rounded { get; init; }

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        IAnsiConsole console = terminal.OutConsole();
        Table table = new Table { Border = terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii }
            .AddColumns("quantity", "form", "compared", "largest error", "at", "tolerance", "result");
        foreach (Comparison comparison in Comparisons)
        {
            table.AddRow(
                new Text(comparison.Quantity),
                new Text(comparison.Form),
                new Text($"{comparison.Compared}"),
                new Text(comparison.Tolerance > 0 ? Number(comparison.LargestError) : $"{comparison.LargestError}"),
                new Text(comparison.LargestError > 0 ? comparison.At ?? "" : ""),
                new Text(comparison.Tolerance > 0 ? Number(comparison.Tolerance) : "equal"),
                comparison.Passed switch
                {
                    true => new Text("ok", Color.Green),
                    false => new Text("FAILED", Color.Red),
                    null => new Text("not judged", Color.Yellow),
                });
        }

        terminal.Out.WriteLine($"{Pack}: {Weights} weights on {Device}");
        console.Write(table);
        foreach (Comparison comparison in Comparisons)
        {
            foreach (string fault in comparison.Faults)
                terminal.Out.WriteLine($"{comparison.Quantity} {comparison.Form}: {fault}");
        }

        foreach ((string what, string why) in NotCompared)
            terminal.Out.WriteLine($"not compared: {what}: {why}");
        if (Comparisons.Any(c => !c.Judged))
            terminal.Out.WriteLine($"The tolerances of logits, tokens, loss and gradients are for f32 weights; with {Weights} their errors are shown and not judged.");
        if (Rounded is not null)
            terminal.Out.WriteLine(Rounded);
        terminal.Out.WriteLine(Passed
            ? $"PASSED: {Comparisons.Count(c => c.Passed == true)} comparisons within their tolerances"
            : $"FAILED: {Comparisons.Count(c => c.Passed == false)} of {Comparisons.Count} comparisons past their tolerances");
    }

    private static string Number(double value) => value == 0 ? "0" : value.ToString("0.##e+0", CultureInfo.InvariantCulture);
}

/// <summary>Something that a pack has values for and nothing here computes.</summary>
/// <param name="What">Its name.</param>
/// <param name="Why">The reason.</param>
internal sealed record NotCompared(string What, string Why);
