using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;
using MoeLora.Cli.Administration;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;

namespace MoeLora.Cli.Demonstration;

/// <summary>The node that the demo is shown on: a whole one, whose state lasts as long as the demo, and its operator, who works over HTTP as any would.</summary>
internal sealed class DemoNode : IAsyncDisposable
{
    private const string Tenant = "clinic";

    private readonly RunningNode _running;
    private readonly DirectoryInfo _state;
    private AdminClient? _operator;

    private DemoNode(RunningNode running, DirectoryInfo state)
    {
        _running = running;
        _state = state;
    }

    /// <summary>Where applications ask.</summary>
    public string Address => _running.Server.Addresses.First();

    /// <summary>Where operators work; the console is there.</summary>
    public string AdministrationAddress => _running.Server.AdministrationAddresses.First();

    /// <summary>The first admin's key.</summary>
    public string AdminKey { get; private set; } = "";

    /// <summary>The key of a tenant that may only ask.</summary>
    public string TenantKey { get; private set; } = "";

    /// <summary>Starts a node with one base model and no adapter version.</summary>
    /// <exception cref="CommandException">An address is taken.</exception>
    public static async Task<DemoNode> StartAsync(string baseModel, int? threads, string url, string administrationUrl, Terminal terminal, CancellationToken cancellation)
    {
        DirectoryInfo state = Directory.CreateTempSubdirectory("moelora-demo-");
        var options = new NodeOptions { Name = "demo", StateDirectory = state.FullName, Bases = [new BaseModelOptions { ModelDirectory = baseModel, Threads = threads }] };
        DemoNode? node = null;
        try
        {
            node = new DemoNode(await RunningNode.OpenAsync(options, cancellation), state);
            await node.OpenAsync(url, administrationUrl, terminal, cancellation);
            return node;
        }
        catch
        {
            if (node is not null)
                await node.DisposeAsync();
            else
                state.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>Publishes a bundle and makes it answer its bank's new requests, as <c>moelora publish --activate</c> does.</summary>
    public async Task ActivateAsync(string bundleDirectory, CancellationToken cancellation)
    {
        var bundle = AdapterBundle.Open(bundleDirectory);
        await _operator!.PublishAsync(bundle, cancellation);
        await _operator.PostAsync($"/admin/v1/banks/{bundle.Manifest.Name}/versions/{bundle.Manifest.Version}/activate", null, cancellation);
    }

    /// <summary>Lets running answers finish, for a short while.</summary>
    public Task StopAsync() => _running.StopAsync(TimeSpan.FromSeconds(20));

    public async ValueTask DisposeAsync()
    {
        _operator?.Dispose();
        await _running.DisposeAsync();
        _state.Delete(recursive: true);
    }

    private async Task OpenAsync(string url, string administrationUrl, Terminal terminal, CancellationToken cancellation)
    {
        AdminKey = (await _running.Node.CreateFirstKeyAsync(cancellation))!.Secret; // the state is new
        var gateway = new GatewayOptions { Public = new ListenerOptions { Urls = [url] }, Administration = new ListenerOptions { Urls = [administrationUrl] } };
        await _running.ListenAsync(gateway, cancellation: cancellation);
        await _running.StartAsync(terminal, cancellation);
        _operator = new AdminClient(new Uri(AdministrationAddress), AdminKey);
        await _operator.PutAsync($"/admin/v1/tenants/{Tenant}", [], cancellation);
        JsonObject made = await _operator.PostAsync($"/admin/v1/tenants/{Tenant}/keys", new JsonObject { ["label"] = "demo", ["roles"] = new JsonArray("inference") }, cancellation);
        TenantKey = made["secret"]!.GetValue<string>();
    }
}
