using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Gateway;

namespace MoeLora.Cli.Hosting;

/// <summary>The gateway over a grid, on addresses of this machine.</summary>
internal sealed class GridServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GridServer(WebApplication app) => _app = app;

    /// <summary>Where it listens, with the real ports.</summary>
    public IReadOnlyCollection<string> Addresses => [.. _app.Urls];

    /// <summary>Starts listening. The grid may still be loading: readiness says so.</summary>
    /// <exception cref="CommandException">An address is in use or not of this machine.</exception>
    public static async Task<GridServer> StartAsync(IModelGrid grid, string[] urls, CancellationToken cancellation)
    {
        // Empty: no settings file of the current directory and no environment variable changes what is served.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(urls);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, StoppedByCommand>();
        builder.Services.AddMoeLoraGateway(grid);
        builder.Logging.SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // why it did not start is thrown below
            .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        WebApplication app = builder.Build();
        app.MapMoeLoraGateway();
        try
        {
            await app.StartAsync(cancellation);
            return new GridServer(app);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            if (e is IOException or SocketException)
                throw new CommandException($"cannot listen on {string.Join(", ", urls)}: {e.Message}");
            throw;
        }
    }

    /// <summary>Takes no more connections and waits for those that there are.</summary>
    public Task StopAsync(CancellationToken force) => _app.StopAsync(force);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // Signals are Main's: the usual lifetime would catch them too, and a second Ctrl-C could not end the process.
    private sealed class StoppedByCommand : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
