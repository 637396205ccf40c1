using System.Runtime.InteropServices;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli;

/// <summary>A program as this process.</summary>
internal static class ProgramProcess
{
    /// <summary>Runs the process's command line until it is done, or stopped by a signal.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, ProgramExtensions extensions)
    {
        using var cancellation = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = StopOn(PosixSignal.SIGINT, cancellation);
        using PosixSignalRegistration terminate = StopOn(PosixSignal.SIGTERM, cancellation);
        return await MoeLoraProgram.RunAsync(args, Terminal.OfProcess(), extensions, cancellation.Token);
    }

    // The first signal asks the command to stop cleanly; a second one ends the process as usual.
    private static PosixSignalRegistration StopOn(PosixSignal signal, CancellationTokenSource cancellation) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        });
}
