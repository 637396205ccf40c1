using System.Globalization;
using MoeLora.Cli.Terminals;
using Spectre.Console;

namespace MoeLora.Cli.Benchmarks;

/// <summary>One pass: the median time, and the share of the peak that its matrix products are.</summary>
internal sealed record StepPass(string Name, double Milliseconds, double TokensPerSecond, double Operations, double ShareOfPeak);

/// <summary>The speed of training. Also the JSON that is printed.</summary>
/// <param name="Shape">The model's.</param>
/// <param name="Weights">How frozen weights are kept.</param>
/// <param name="Device">What computed.</param>
/// <param name="Rows">Tokens of the batch.</param>
/// <param name="PeakGigaflops">10⁹ F32 operations per second in registers alone, the median.</param>
/// <param name="Passes">Forward without an adapter, forward, forward and backward.</param>
/// <param name="BackwardToForward">Time of the backward pass over that of the forward pass, the median of the rounds.</param>
/// <param name="OperationsBackwardToForward">The same for the operations of the matrix products.</param>
internal sealed record StepReport(
    string Shape, string Weights, string Device, int Rows, double PeakGigaflops, IReadOnlyList<StepPass> Passes, double BackwardToForward, double OperationsBackwardToForward)
{
    public void Print(Terminal terminal)
    {
        terminal.Out.WriteLine(Invariant($"{Shape}, {Weights}, {Rows} tokens, {Device}; peak {PeakGigaflops:0} GFLOP/s"));
        Table table = new Table().Border(TableBorder.Ascii).AddColumns("Pass", "ms", "Tokens/s", "GFLOP/s", "Share of peak");
        foreach (StepPass pass in Passes)
        {
            table.AddRow(
                pass.Name, Invariant($"{pass.Milliseconds:0.0}"), Invariant($"{pass.TokensPerSecond:0}"),
                Invariant($"{pass.Operations / pass.Milliseconds / 1e6:0}"), Invariant($"{pass.ShareOfPeak:P0}"));
        }
        terminal.OutConsole().Write(table);
        terminal.Out.WriteLine(Invariant($"Backward over forward: {BackwardToForward:0.00} in time, {OperationsBackwardToForward:0.00} in matrix operations."));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
