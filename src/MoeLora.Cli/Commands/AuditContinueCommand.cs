using System.CommandLine;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Nodes;

namespace MoeLora.Cli.Commands;

/// <summary>
/// <c>moelora audit continue</c>: begins anew where a trail is broken, once. A command and not a key of the configuration: a key would stay there and forgive every later
/// break as well.
/// </summary>
internal sealed class AuditContinueCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Func<string, NodeSettings> _read;
    private readonly Option<string> _config = new("--config") { Description = "The node's configuration; the node must not run.", HelpName = "FILE", Required = true };

    public AuditContinueCommand(Terminal terminal, Func<string, NodeSettings> read)
        : base("continue", "Moves a broken audit trail of a stopped node aside, and begins a new chain that records it. A whole trail is left as it is.")
    {
        (_terminal, _read) = (terminal, read);
        Add(_config);
    }

    public override IReadOnlyList<string> Examples => ["moelora audit continue --config node.yaml"];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        NodeSettings settings = _read(parsed.GetRequiredValue(_config));
        var options = new AuditTrailOptions { Directory = NodeOptions.AuditDirectory(settings.State), Node = settings.Name };
        if (!Directory.Exists(options.Directory))
            throw new CommandException($"There is no audit trail in '{options.Directory}'.");
        try
        {
            if (await FindBreakAsync(options) is not { } problem)
            {
                _terminal.Out.WriteLine("The audit trail is not broken; the node starts on it as it is.");
                return ExitCode.Ok;
            }

            await using AuditTrail trail = await AuditTrail.OpenAsync(options with { ContinueBrokenChain = true });
            await trail.AppendAsync(
                new AuditEntry { Action = AuditAction.Audit, Succeeded = true, Detail = "continued_by_command", Subject = $"user:{Environment.UserName}" }, CancellationToken.None);
            _terminal.Out.WriteLine($"{problem}\n{trail.OpeningNote}\nThe new chain begins with these records. Its head: {trail.Head}");
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is AuditTrailException or AuditUnavailableException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException(e.Message);
        }
    }

    /// <summary>Why a node would not start on the trail; null when it would.</summary>
    private static async Task<string?> FindBreakAsync(AuditTrailOptions options)
    {
        try
        {
            await (await AuditTrail.OpenAsync(options)).DisposeAsync();
            return null;
        }
        catch (AuditTrailException e)
        {
            return e.Message; // another's lock or node is refused again when it is opened to be continued
        }
    }
}
