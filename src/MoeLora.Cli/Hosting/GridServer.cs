using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Cli.Hosting;

/// <summary>The gateway over a grid, on addresses of this machine.</summary>
internal sealed class GridServer : IAsyncDisposable
{
    private readonly GatewayServer _gateway;

    private GridServer(GatewayServer gateway) => _gateway = gateway;

    /// <summary>Where it listens, with the real ports.</summary>
    public IReadOnlyCollection<string> Addresses => _gateway.Addresses;

    /// <summary>Starts listening. The grid may still be loading: readiness says so.</summary>
    /// <exception cref="CommandException">An address is in use or not of this machine.</exception>
    public static async Task<GridServer> StartAsync(IModelGrid grid, string[] urls, CancellationToken cancellation)
    {
        var options = new GatewayOptions { AllowAnonymous = true, Public = new ListenerOptions { Urls = urls } };
        try
        {
            return new GridServer(await GatewayServer.StartAsync(new GatewayParts { Grid = grid }, options, Log, cancellation));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new CommandException($"cannot listen on {string.Join(", ", urls)}: {e.Message}");
        }
    }

    /// <summary>Takes no more requests and waits for those that there are.</summary>
    public Task StopAsync(CancellationToken force) => _gateway.StopAsync(force);

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    private static void Log(ILoggingBuilder logging) => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // why it did not start is thrown
        .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
}
