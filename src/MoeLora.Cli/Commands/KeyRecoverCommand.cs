using System.CommandLine;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;

namespace MoeLora.Cli.Commands;

/// <summary>
/// <c>moelora key recover</c>: a new admin's key for whoever has the machine but no key any more. The node is stopped: its trail and its database are one process's.
/// </summary>
internal sealed class KeyRecoverCommand : ProgramCommand
{
    private const string DefaultName = "recovered-admin-key";

    private readonly Terminal _terminal;
    private readonly Func<string, NodeSettings> _read;
    private readonly Option<string> _config = new("--config") { Description = "The node's configuration; the node must not run.", HelpName = "FILE", Required = true };
    private readonly Option<string?> _out = new("--out")
    {
        Description = $"Where the key is written, readable by its user only. Without it the key is shown on a terminal, and written to '{DefaultName}' in the state directory otherwise.",
        HelpName = "FILE",
    };

    public KeyRecoverCommand(Terminal terminal, Func<string, NodeSettings> read)
        : base("recover", "Makes a new admin's key for a stopped node, and records that it was made.")
    {
        (_terminal, _read) = (terminal, read);
        Add(_config);
        Add(_out);
    }

    public override IReadOnlyList<string> Examples => ["moelora key recover --config node.yaml --out admin.key"];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        NodeSettings settings = _read(parsed.GetRequiredValue(_config));
        var audit = new AuditTrailOptions { Directory = NodeOptions.AuditDirectory(settings.State), Node = settings.Name };
        if (!Directory.Exists(audit.Directory))
            throw new CommandException($"There is no node's state in '{settings.State}'; a node's first start makes its first key.");
        try
        {
            await using AuditTrail trail = await AuditTrail.OpenAsync(audit);
            using StateDatabase database = settings.ToNode().TenantDatabase is { } shared
                ? StateDatabase.ParseShared(shared)
                : StateDatabase.Parse(settings.Database ?? Path.Combine(settings.State, "state.db"));
            using var directory = new TenantDirectory(database, trail, new TenantDirectoryOptions());
            await directory.MigrateAsync(cancellation);
            string? path = parsed.GetValue(_out) ?? (_terminal.OutIsTerminal ? null : Path.Combine(settings.State, DefaultName));
            using AdminKeyFile? file = path is null ? null : new AdminKeyFile(path);
            await trail.AppendAsync(new AuditEntry { Action = AuditAction.Audit, Succeeded = true, Detail = "key_recovered_by_command", Subject = $"user:{Environment.UserName}" }, cancellation);
            if (!(await directory.RecoverAdminKeyAsync(cancellation)).TryGet(out NewApiKey? key, out GridError? error))
                throw new CommandException(error.Message);
            _terminal.Out.WriteLine(file is null ? key.Secret : $"The new admin's key is in {file.Keep(key)}; keep it elsewhere and delete the file.");
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is AuditTrailException or AuditUnavailableException or InvalidOperationException or ArgumentException)
        {
            throw new CommandException(e.Message);
        }
    }
}
