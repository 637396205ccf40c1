using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Administration;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora key</c>: the keys of tenants.</summary>
internal sealed class KeyCommand : CommandGroup
{
    /// <param name="terminal">Where it speaks.</param>
    /// <param name="read">Reads the configuration of a stopped node.</param>
    public KeyCommand(Terminal terminal, Func<string, NodeSettings> read)
        : base("key", "Makes and takes back API keys of a running node's tenants, and recovers the admin's of a stopped one.")
    {
        Add(new KeyCreateCommand(terminal));
        Add(new KeyRevokeCommand(terminal));
        Add(new KeyRecoverCommand(terminal, read));
    }
}

/// <summary><c>moelora key create</c>: a key, shown once.</summary>
internal sealed class KeyCreateCommand : AdminCommand
{
    private readonly Argument<string> _tenant = new("tenant") { Description = "Whose key it is.", HelpName = "NAME" };
    private readonly Option<string[]> _roles = new("--roles") { Description = "What it may do: inference, operator, admin.", HelpName = "A B", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["inference"] };
    private readonly Option<string> _label = new("--label") { Description = "What its owner calls it.", HelpName = "TEXT", DefaultValueFactory = _ => "made by moelora key create" };

    public KeyCreateCommand(Terminal terminal)
        : base(terminal, "create", "Makes an API key and shows it once.")
    {
        _roles.AcceptOnlyFromAmong("inference", "operator", "admin");
        Add(_tenant);
        Add(_roles);
        Add(_label);
    }

    public override IReadOnlyList<string> Examples => ["moelora key create cardiology --label triage-app", "moelora key create it --roles operator admin"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        var body = new JsonObject
        {
            ["label"] = parsed.GetRequiredValue(_label),
            ["roles"] = new JsonArray([.. parsed.GetRequiredValue(_roles).Select(role => JsonValue.Create(role))]),
        };
        JsonObject made = await client.PostAsync($"/admin/v1/tenants/{Uri.EscapeDataString(parsed.GetRequiredValue(_tenant))}/keys", body, cancellation);
        Terminal.Out.WriteLine(parsed.GetValue(Json) ? made.ToJsonString() : made["secret"]!.GetValue<string>());
    }
}

/// <summary><c>moelora key revoke</c>: takes a key back.</summary>
internal sealed class KeyRevokeCommand : AdminCommand
{
    private readonly Argument<string> _key = new("key") { Description = "The key's id, not the key.", HelpName = "ID" };

    public KeyRevokeCommand(Terminal terminal)
        : base(terminal, "revoke", "Takes an API key back at once.") => Add(_key);

    public override IReadOnlyList<string> Examples => ["moelora key revoke krh3tg7pf15t"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        JsonObject key = await client.DeleteAsync($"/admin/v1/keys/{Uri.EscapeDataString(parsed.GetRequiredValue(_key))}", cancellation);
        Terminal.Out.WriteLine(parsed.GetValue(Json) ? key.ToJsonString() : $"{key["id"]} of {key["tenant"]} is taken back.");
    }
}
