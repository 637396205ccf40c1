using System.Runtime.InteropServices;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        using var cancellation = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = StopOn(PosixSignal.SIGINT, cancellation);
        using PosixSignalRegistration terminate = StopOn(PosixSignal.SIGTERM, cancellation);
        return await MoeLoraProgram.RunAsync(args, Terminal.OfProcess(), cancellation.Token);
    }

    // The first signal asks the command to stop cleanly; a second one ends the process as usual.
    private static PosixSignalRegistration StopOn(PosixSignal signal, CancellationTokenSource cancellation) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        });
}
