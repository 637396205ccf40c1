using System.CommandLine;

namespace MoeLora.Cli.Commands;

/// <summary>One command of the program, with the examples that its help shows.</summary>
internal abstract class ProgramCommand : Command
{
    protected ProgramCommand(string name, string description)
        : base(name, description)
        => SetAction(RunAsync);

    /// <summary>Command lines that work as they stand, one or more.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Does the work.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation);
}
