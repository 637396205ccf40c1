using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.State;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora backup</c>: a copy of a state directory, of a running node too.</summary>
internal sealed class BackupCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _state = new("state") { Description = "The state directory of a node or silo, which may run.", HelpName = "DIR" };
    private readonly Option<string> _out = new("--out") { Description = "Directory to write; it must not be there yet. It is a state directory itself.", HelpName = "DIR", Required = true };
    private readonly JsonOption _json = new();

    public BackupCommand(Terminal terminal)
        : base("backup", "Copies a state directory: registry, tenants and keys where they are in SQLite, bundles, audit trail and its key. A database elsewhere is not in it. To restore it, copy it back (cp -a) while the node is stopped.")
    {
        _terminal = terminal;
        Add(_state);
        Add(_out);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples => ["moelora backup /var/lib/moelora --out /backup/monday"];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string target = parsed.GetRequiredValue(_out);
        StateBackupReport report;
        try
        {
            report = StateBackup.Write(parsed.GetRequiredValue(_state), target, cancellation);
        }
        catch (Exception e) when (e is ArgumentException or AuditTrailException)
        {
            throw new CommandException(e.Message);
        }

        if (parsed.GetValue(_json))
        {
            _terminal.Out.WriteLine(new JsonObject
            {
                ["databases"] = new JsonArray([.. report.Databases.Select(name => JsonValue.Create(name))]),
                ["bundles"] = report.Bundles,
                ["records"] = report.Records,
                ["head"] = report.Head.ToString(),
            }.ToJsonString());
        }
        else
        {
            _terminal.Out.WriteLine($"Wrote {target}: {(report.Databases.Count == 0 ? "no database" : string.Join(", ", report.Databases))}, {report.Bundles} bundles, {report.Records} records.\n"
                + $"Head of the audit trail, to be kept elsewhere: {report.Head}");
        }

        return Task.FromResult(ExitCode.Ok);
    }
}
