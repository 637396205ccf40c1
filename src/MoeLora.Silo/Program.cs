using System.CommandLine;
using System.Runtime.InteropServices;
using MoeLora.Adapters;
using MoeLora.Cli;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Silo;

/// <summary><c>moelora-silo --config silo.yaml</c>.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        using var cancellation = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = StopOn(PosixSignal.SIGINT, cancellation);
        using PosixSignalRegistration terminate = StopOn(PosixSignal.SIGTERM, cancellation);
        return await RunAsync(args, Terminal.OfProcess(), cancellation.Token);
    }

    /// <summary>Runs one command line.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal static async Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellation)
    {
        var config = new Option<FileInfo>("--config") { Description = "The silo's configuration, YAML or JSON.", HelpName = "FILE", Required = true };
        config.AcceptExistingOnly();
        var root = new RootCommand("A silo of the grid: a node that serves the tasks of MOELoRA adapters, its place in a cluster, and HTTP before the whole cluster. Ctrl-C or SIGTERM lets running answers finish.") { config };
        root.SetAction(async (parsed, stopping) =>
        {
            await SiloProcess.RunAsync(NodeFile.Read<SiloSettings>(parsed.GetRequiredValue(config).FullName), terminal, stopping);
            return ExitCode.Ok;
        });
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (string message in parsed.Errors.Select(error => error.Message).Distinct())
                terminal.Error.WriteLine($"moelora-silo: {message}");
            terminal.Error.WriteLine("Try 'moelora-silo --help'.");
            return ExitCode.Usage;
        }

        var invocation = new InvocationConfiguration { Output = terminal.Out, Error = terminal.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        try
        {
            return await parsed.InvokeAsync(invocation, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine("moelora-silo: stopped.");
            return ExitCode.Cancelled;
        }
        catch (Exception e)
        {
            bool expected = e is CommandException or CheckpointException or AdapterException or IOException or UnauthorizedAccessException;
            terminal.Error.WriteLine($"moelora-silo: {(expected ? e.Message : $"unexpected {e.GetType().Name}: {e.Message} (this is a defect; MOELORA_TRACE=1 shows where)")}");
            if (terminal.ShowsTraces)
                terminal.Error.WriteLine(e);
            return ExitCode.Failed;
        }
    }

    // The first signal asks to stop cleanly; a second one ends the process as usual.
    private static PosixSignalRegistration StopOn(PosixSignal signal, CancellationTokenSource cancellation) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        });
}
