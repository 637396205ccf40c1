using System.Globalization;
using MoeLora.Cli.Terminals;
using Spectre.Console;

namespace MoeLora.Cli.Benchmarks;

/// <summary>One pass: the median time, and the share of the peak that its matrix products are; null where no peak is measured.</summary>
internal sealed record StepPass(string Name, double Milliseconds, double TokensPerSecond, double Operations, double? ShareOfPeak);

/// <summary>The speed of training. Also the JSON that is printed.</summary>
/// <param name="Shape">The model's.</param>
/// <param name="Weights">How frozen weights are kept.</param>
/// <param name="Device">What computed.</param>
/// <param name="Rows">Tokens of the batch.</param>
/// <param name="PeakGigaflops">10⁹ F32 operations per second in registers alone, the median; null on devices other than the process's own cores.</param>
/// <param name="Passes">Forward without an adapter, forward, forward and backward, and these with the optimizer's step.</param>
/// <param name="BackwardToForward">Time of the backward pass over that of the forward pass, the median of the rounds.</param>
/// <param name="OperationsBackwardToForward">The same for the operations of the matrix products.</param>
internal sealed record StepReport(
    string Shape, string Weights, string Device, int Rows, double? PeakGigaflops, IReadOnlyList<StepPass> Passes, double BackwardToForward, double OperationsBackwardToForward)
{
    /// <summary>The pass that is a whole step of training.</summary>
    public const string WholeStep = "forward, backward and step";

    public void Print(Terminal terminal)
    {
        terminal.Out.WriteLine(Invariant($"{Shape}, {Weights}, {Rows} tokens, {Device}{DenseReport.Peak(PeakGigaflops)}"));
        Table table = new Table().Border(TableBorder.Ascii).AddColumns("Pass", "ms", "Tokens/s", "GFLOP/s", "Share of peak");
        foreach (StepPass pass in Passes)
        {
            table.AddRow(
                pass.Name, Invariant($"{pass.Milliseconds:0.0}"), Invariant($"{pass.TokensPerSecond:0}"),
                Invariant($"{pass.Operations / pass.Milliseconds / 1e6:0}"), pass.ShareOfPeak is { } share ? Invariant($"{share:P0}") : "");
        }
        terminal.OutConsole().Write(table);
        terminal.Out.WriteLine(Invariant($"Backward over forward: {BackwardToForward:0.00} in time, {OperationsBackwardToForward:0.00} in matrix operations."));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
