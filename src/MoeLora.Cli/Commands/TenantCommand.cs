using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Administration;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora tenant</c>: who may use a node, and how much.</summary>
internal sealed class TenantCommand : CommandGroup
{
    public TenantCommand(Terminal terminal)
        : base("tenant", "Makes, changes and lists the tenants of a running node.")
    {
        Add(new TenantPutCommand(terminal));
        Add(new TenantListCommand(terminal));
    }
}

/// <summary><c>moelora tenant put</c>: a tenant with its limits.</summary>
internal sealed class TenantPutCommand : AdminCommand
{
    private readonly Argument<string> _name = new("tenant") { Description = "Its name: a-z, 0-9, '-' and '_'.", HelpName = "NAME" };
    private readonly NumberOption _tokens = new("--tokens-per-minute", "Most tokens in a minute, read and generated; no limit by default.", 1, int.MaxValue);
    private readonly NumberOption _requests = new("--requests-per-minute", "Most requests in a minute; no limit by default.", 1, int.MaxValue);
    private readonly NumberOption _concurrent = new("--concurrent", "Most answers at once; no limit by default.", 1, int.MaxValue);
    private readonly Option<string[]> _tasks = new("--tasks") { Description = "The only tasks that it may ask, as bank/task or bank/*.", HelpName = "A B", AllowMultipleArgumentsPerToken = true };
    private readonly Option<bool> _disabled = new("--disabled") { Description = "Takes none of its keys." };

    public TenantPutCommand(Terminal terminal)
        : base(terminal, "put", "Makes a tenant, or replaces its limits.")
    {
        Add(_name);
        Add(_tokens);
        Add(_requests);
        Add(_concurrent);
        Add(_tasks);
        Add(_disabled);
    }

    public override IReadOnlyList<string> Examples => ["moelora tenant put cardiology --tokens-per-minute 100000 --concurrent 16 --tasks demo/*"];

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        var body = new JsonObject { ["enabled"] = !parsed.GetValue(_disabled) };
        Limit("tokens_per_minute", _tokens);
        Limit("requests_per_minute", _requests);
        Limit("concurrent_sequences", _concurrent);
        if (parsed.GetValue(_tasks) is { Length: > 0 } tasks)
            body["allowed_tasks"] = new JsonArray([.. tasks.Select(task => JsonValue.Create(task))]);
        JsonObject tenant = await client.PutAsync($"/admin/v1/tenants/{Uri.EscapeDataString(parsed.GetRequiredValue(_name))}", body, cancellation);
        Terminal.Out.WriteLine(parsed.GetValue(Json) ? tenant.ToJsonString() : TenantListCommand.Line(tenant));

        void Limit(string name, NumberOption option)
        {
            if (parsed.GetValue(option) is > 0 and int limit)
                body[name] = limit;
        }
    }
}

/// <summary><c>moelora tenant list</c>.</summary>
internal sealed class TenantListCommand(Terminal terminal) : AdminCommand(terminal, "list", "Lists tenants and their limits.")
{
    public override IReadOnlyList<string> Examples => ["moelora tenant list"];

    public static string Line(JsonObject tenant)
    {
        JsonObject limits = tenant["limits"]!.AsObject();
        string Limit(string name) => limits[name]?.ToString() ?? "any";
        string tasks = limits["allowed_tasks"] is JsonArray allowed ? string.Join(", ", allowed.Select(task => task!.GetValue<string>())) : "all tasks";
        return $"{tenant["id"]}{(tenant["enabled"]!.GetValue<bool>() ? "" : " (disabled)")}  {Limit("tokens_per_minute")} tokens and {Limit("requests_per_minute")} requests a minute, {Limit("concurrent_sequences")} at once, {tasks}";
    }

    protected override async Task RunAsync(AdminClient client, ParseResult parsed, CancellationToken cancellation)
    {
        JsonObject answer = await client.GetAsync("/admin/v1/tenants", cancellation);
        if (parsed.GetValue(Json))
            Terminal.Out.WriteLine(answer.ToJsonString());
        else
            Terminal.Out.WriteLine(string.Join('\n', answer["data"]!.AsArray().Select(tenant => Line(tenant!.AsObject()))));
    }
}
