using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Administration;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary>A command that asks a node's administration API.</summary>
internal abstract class AdminCommand : ProgramCommand
{
    private readonly AdminOptions _admin = new();

    protected AdminCommand(Terminal terminal, string name, string description)
        : base(name, description)
    {
        Terminal = terminal;
        _admin.AddTo(this);
        Add(Json);
    }

    protected Terminal Terminal { get; }

    protected JsonOption Json { get; } = new();

    protected override IEnumerable<string> FindProblems(ParseResult parsed) => _admin.FindProblems(parsed);

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using AdminClient client = await _admin.ConnectAsync(parsed, cancellation);
        await RunAsync(client, parsed, cancellation);
        return ExitCode.Ok;
    }

    protected abstract Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation);
}

/// <summary><c>moelora publish</c>: a bundle to a node.</summary>
internal sealed class PublishCommand : AdminCommand
{
    private readonly Argument<string> _bundle = new("bundle") { Description = "The bundle's directory.", HelpName = "DIR" };
    private readonly Option<bool> _activate = new("--activate") { Description = "Makes it answer the bank's new requests as well." };

    public PublishCommand(Terminal terminal)
        : base(terminal, "publish", "Publishes a bundle to a running node as a new version of the bank that its manifest names.")
    {
        Add(_bundle);
        Add(_activate);
    }

    public override IReadOnlyList<string> Examples => ["moelora publish bundle-v2 --activate", "moelora publish bundle-v2 --node https://node:8443 --key-file operator.key"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        var bundle = Adapters.Bundles.AdapterBundle.Open(parsed.GetRequiredValue(_bundle));
        JsonObject version = await client.PublishAsync(bundle, cancellation);
        if (parsed.GetValue(_activate))
            version = await client.PostAsync($"/admin/v1/banks/{Uri.EscapeDataString(bundle.Manifest.Name.ToString())}/versions/{Uri.EscapeDataString(bundle.Manifest.Version.ToString())}/activate", null, cancellation);
        RolloutReport.Write(Terminal, version, parsed.GetValue(Json));
    }
}

/// <summary><c>moelora activate</c>: a version for the bank's new requests.</summary>
internal sealed class ActivateCommand : AdminCommand
{
    private readonly VersionNameArgument _version = new();

    public ActivateCommand(Terminal terminal)
        : base(terminal, "activate", "Loads and proves a version and makes it answer the bank's new requests; running answers finish on theirs.") => Add(_version);

    public override IReadOnlyList<string> Examples => ["moelora activate demo@2"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation) =>
        RolloutReport.Write(Terminal, await client.PostAsync(_version.Path(parsed) + "/activate", null, cancellation), parsed.GetValue(Json));
}

/// <summary><c>moelora rollback</c>: the version before.</summary>
internal sealed class RollbackCommand : AdminCommand
{
    private readonly Argument<string> _bank = new("bank") { Description = "The bank.", HelpName = "BANK" };

    public RollbackCommand(Terminal terminal)
        : base(terminal, "rollback", "Makes the version that was active before answer the bank's new requests again.") => Add(_bank);

    public override IReadOnlyList<string> Examples => ["moelora rollback demo"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation) =>
        RolloutReport.Write(Terminal, await client.PostAsync($"/admin/v1/banks/{Uri.EscapeDataString(parsed.GetRequiredValue(_bank))}/rollback", null, cancellation), parsed.GetValue(Json));
}

/// <summary><c>moelora retire</c>: a version out of memory.</summary>
internal sealed class RetireCommand : AdminCommand
{
    private readonly VersionNameArgument _version = new();

    public RetireCommand(Terminal terminal)
        : base(terminal, "retire", "Ends a version that is not active: its running answers finish, then its memory is freed.") => Add(_version);

    public override IReadOnlyList<string> Examples => ["moelora retire demo@1"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation) =>
        RolloutReport.Write(Terminal, await client.PostAsync(_version.Path(parsed) + "/retire", [], cancellation), parsed.GetValue(Json));
}

/// <summary><c>moelora status</c>: the versions of a node.</summary>
internal sealed class StatusCommand(Terminal terminal) : AdminCommand(terminal, "status", "Lists a node's versions and where each is in its life.")
{
    public override IReadOnlyList<string> Examples => ["moelora status", "moelora status --json"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        JsonObject answer = await client.GetAsync("/admin/v1/versions", cancellation);
        if (parsed.GetValue(Json))
        {
            Terminal.Out.WriteLine(answer.ToJsonString());
            return;
        }

        JsonArray versions = answer["data"]!.AsArray();
        if (versions.Count == 0)
            Terminal.Out.WriteLine("No version is published yet: moelora publish DIR --activate");
        foreach (JsonNode? version in versions)
            Terminal.Out.WriteLine(RolloutReport.Line(version!.AsObject()));
    }
}
