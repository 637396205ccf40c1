using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using MoeLora.Adapters;
using MoeLora.Cli.Commands;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using MoeLora.Serving;
using MoeLora.Training.Records;
using MoeLora.Training.Reports;
using MoeLora.Training.Runs;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli;

/// <summary>The program without its process, under whatever name: parses a command line, runs the command and turns every failure into a message and an exit code.</summary>
internal static class MoeLoraProgram
{
    /// <summary>Runs one command line.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellation = default) =>
        RunAsync(args, terminal, new ProgramExtensions(), cancellation);

    /// <summary>Runs one command line of a program that has more than <c>moelora</c>.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, ProgramExtensions extensions, CancellationToken cancellation = default)
    {
        extensions.Register();
        string name = extensions.Name;
        RootCommand root = CreateRoot(terminal, extensions);
        ParseResult parsed = root.Parse(args);
        if (parsed.Action is ParseErrorAction)
            return RefuseUsage(name, parsed, Problems(parsed), terminal);
        var invocation = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // the process's signals are handled in Main
        };
        try
        {
            return await parsed.InvokeAsync(invocation, cancellation);
        }
        catch (UsageException e)
        {
            return RefuseUsage(name, parsed, e.Problems, terminal);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine($"{name}: stopped.");
            return ExitCode.Cancelled;
        }
        catch (Exception e)
        {
            terminal.Error.WriteLine($"{name}: {Explain(e)}");
            if (terminal.ShowsTraces)
                terminal.Error.WriteLine(e);
            return ExitCode.Failed;
        }
    }

    /// <summary>The command tree.</summary>
    internal static RootCommand CreateRoot(Terminal terminal, ProgramExtensions? extensions = null)
    {
        extensions ??= new ProgramExtensions();
        var root = new RootCommand("Serves the tasks of a MOELoRA adapter: one base model, low-rank experts, and one gate that looks only at the task.")
        {
            new DemoCommand(terminal),
            new ServeCommand(terminal),
            new PublishCommand(terminal),
            new ActivateCommand(terminal),
            new RollbackCommand(terminal),
            new RetireCommand(terminal),
            new StatusCommand(terminal),
            new TenantCommand(terminal),
            new KeyCommand(terminal, extensions.ReadConfiguration),
            new AuditCommand(terminal, extensions.ReadConfiguration),
            new BackupCommand(terminal),
            new GenerateCommand(terminal),
            new VerifyCommand(terminal),
            new LogitsCommand(terminal),
            new InspectCommand(terminal),
            new PlanCommand(terminal),
            new BundleCommand(terminal),
            new ExportCommand(terminal),
            new PretrainCommand(terminal),
            new ExperimentCommand(terminal),
            new BenchCommand(terminal),
            new DataCommand(terminal),
            new EvalCommand(terminal),
            new TrainCommand(terminal),
        };
        foreach (Command command in extensions.Commands(terminal))
            root.Add(command);
        foreach (HelpOption option in root.Options.OfType<HelpOption>())
            option.Action = new HelpWithExamples((HelpAction)option.Action!, extensions.Name);
        return root;
    }

    // A word that is no command also leaves the command missing, which an empty line has as its only error; the word is the mistake.
    private static IEnumerable<string> Problems(ParseResult parsed)
    {
        IEnumerable<string> problems = parsed.Errors.Select(error => error.Message).Distinct();
        return parsed.CommandResult.Command is RootCommand or CommandGroup && parsed.UnmatchedTokens.Count > 0
            ? problems.Except(new RootCommand { new Command("any") }.Parse([]).Errors.Select(error => error.Message))
            : problems;
    }

    // With the groups that the command is in, such as "moelora data check".
    private static string Path(string program, Command command) => command is RootCommand
        ? program
        : $"{string.Concat(command.Parents.OfType<Command>().Take(1).Select(parent => Path(program, parent)))} {command.Name}";

    private static int RefuseUsage(string program, ParseResult parsed, IEnumerable<string> problems, Terminal terminal)
    {
        string path = Path(program, parsed.CommandResult.Command);
        foreach (string message in problems)
            terminal.Error.WriteLine($"{path}: {message}");
        terminal.Error.WriteLine($"Try '{path} --help'.");
        return ExitCode.Usage;
    }

    // Bad input has exceptions of its own, whose messages stand alone. Anything else is a defect of this program and says so.
    private static string Explain(Exception e) => e switch
    {
        CommandException or CheckpointException or AdapterException or UnknownTaskException or RecordException or SegmentationException or TrainingDivergedException or NotFiniteNumberException or ReportException => e.Message,
        IOException or UnauthorizedAccessException => e.Message,
        OutOfMemoryException => $"There is not enough memory: {e.Message}",
        _ => $"unexpected {e.GetType().Name}: {e.Message} (this is a defect; MOELORA_TRACE=1 shows where)",
    };
}
