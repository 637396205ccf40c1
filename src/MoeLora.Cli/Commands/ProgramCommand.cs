using System.CommandLine;

namespace MoeLora.Cli.Commands;

/// <summary>One command of the program, with the examples that its help shows.</summary>
internal abstract class ProgramCommand : Command
{
    protected ProgramCommand(string name, string description)
        : base(name, description)
        => SetAction(CheckAndRunAsync);

    /// <summary>Command lines to copy, one or more.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>What is wrong with the options together, each of them being valid alone.</summary>
    protected virtual IEnumerable<string> FindProblems(ParseResult parsed) => [];

    /// <summary>Does the work.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation);

    private Task<int> CheckAndRunAsync(ParseResult parsed, CancellationToken cancellation) =>
        FindProblems(parsed).ToArray() is { Length: > 0 } problems ? throw new UsageException(problems) : RunAsync(parsed, cancellation);
}
