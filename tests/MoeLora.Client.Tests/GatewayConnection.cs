using MoeLora.Contracts;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Client.Tests;

/// <summary>A client of a real gateway over a grid of the test.</summary>
internal sealed class GatewayConnection : IAsyncDisposable
{
    private GatewayConnection(GatewayServer server, string? key)
    {
        Server = server;
        Http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        Client = new MoeLoraClient(Http, new MoeLoraClientOptions { Address = new Uri(server.Addresses.Single()), ApiKey = key });
    }

    public GatewayServer Server { get; }

    public HttpClient Http { get; }

    public MoeLoraClient Client { get; }

    public static async Task<GatewayConnection> StartAsync(IModelGrid grid, Contracts.Tenants.ITenantDirectory? tenants = null, string? key = null)
    {
        var options = new GatewayOptions { AllowAnonymous = tenants is null, Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] } };
        return new GatewayConnection(await GatewayServer.StartAsync(new GatewayParts { Grid = grid, Tenants = tenants }, options), key);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }
}
