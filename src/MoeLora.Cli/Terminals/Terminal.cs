using Spectre.Console;

namespace MoeLora.Cli.Terminals;

/// <summary>Where a command writes: results to <see cref="Out"/>, everything else to <see cref="Error"/>.</summary>
internal sealed record Terminal
{
    // Wide enough that a table of a redirected output is never folded.
    private const int RedirectedWidth = 200;

    /// <summary>Results only, so that it can be piped.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Messages and progress.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether a person looks at <see cref="Out"/>: then charts and colours.</summary>
    public bool OutIsTerminal { get; init; }

    /// <summary>Whether a person looks at <see cref="Error"/>: then progress bars.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether errors show their stack trace (MOELORA_TRACE=1).</summary>
    public bool ShowsTraces { get; init; }

    /// <summary>Work that ends within this time shows no progress.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where no bar can be shown, a training tells how far it is so often.</summary>
    public TimeSpan LineInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The terminal of this process.</summary>
    public static Terminal OfProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        ShowsTraces = Environment.GetEnvironmentVariable("MOELORA_TRACE") == "1",
    };

    /// <summary>Tables and charts on <see cref="Out"/>; plain text when it is redirected.</summary>
    public IAnsiConsole OutConsole() => Create(Out, OutIsTerminal);

    /// <summary>Progress on <see cref="Error"/>.</summary>
    public IAnsiConsole ErrorConsole() => Create(Error, ErrorIsTerminal);

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!isTerminal)
            console.Profile.Width = RedirectedWidth;
        return console;
    }
}
