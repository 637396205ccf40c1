using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MoeLora.Cli;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Gateway;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Hosting.Tls;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tenants;
using MoeLora.Serving.Nodes;
using Orleans.Dashboard;

namespace MoeLora.Silo;

/// <summary>A node, the silo around it and the gateway before the whole cluster, for as long as the process runs.</summary>
internal static class SiloProcess
{
    /// <summary>
    /// Runs until it is cancelled. It joins the cluster before its models are loaded, so that it answers HTTP at once by other silos; it leaves when no answer of
    /// its node runs any more.
    /// </summary>
    /// <exception cref="CommandException">The configuration cannot be used, its devices are lost, or something of it is taken, broken or out of reach.</exception>
    public static async Task RunAsync(SiloSettings settings, Terminal terminal, CancellationToken cancellation)
    {
        CommandException.ThrowIfAny(settings.FindProblems());
        var limiter = new ClusterLimiter();
        NodeOptions options = settings.ToNode() with { Limiter = limiter };
        GatewayOptions gateway = settings.ToGateway();
        await using RunningNode running = await RunningNode.OpenAsync(options, cancellation);
        if (running.Node.AuditNote is { } note)
            terminal.Error.WriteLine($"moelora-silo: {note}");
        await NodeProcess.CreateFirstKeyAsync(running.Node, null, options.StateDirectory, terminal, cancellation);
        using IHost silo = Build(settings, running.Node, limiter);
        await JoinAsync(silo, cancellation);
        await running.ListenAsync(gateway, parts => InFrontOf(silo.Services, running.Node, parts, limiter), cancellation);
        string? lost = null;
        try
        {
            await running.StartAsync(terminal, cancellation);
            IReadOnlyCollection<string> administration = running.Server.AdministrationAddresses;
            terminal.Out.WriteLine($"Silo '{options.Name}' of cluster '{settings.Cluster.Id}' answers on {string.Join(", ", running.Server.Addresses)}{(administration.Count > 0 ? $"; administration on {string.Join(", ", administration)}" : "")}");
            terminal.Out.Flush();
            lost = await running.UntilLostAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine("moelora-silo: stopping; running answers may finish.");
        }

        await running.StopAsync(lost is null ? gateway.DrainDeadline : TimeSpan.Zero);
        await silo.StopAsync(CancellationToken.None);
        // Its supervisor starts it again, and with it the device.
        if (lost is not null)
            throw new CommandException(lost);
    }

    private static IHost Build(SiloSettings settings, Node node, ClusterLimiter limiter)
    {
        // Empty: no settings file of the current directory and no environment variable changes what runs.
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        RunningNode.Log(builder.Logging);
        builder.Logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error); // its first warning takes the time since the machine's start for a stall; SiloPulse sees real ones
        builder.Services.AddSingleton<IHostLifetime, StoppedByOwner>();
        builder.UseOrleans(silo =>
        {
            silo.UseMoeLoraCluster(settings.Name, settings.Cluster.ToSilo(settings.State))
                .AddMoeLoraSilo(new SiloNode(node, settings.Name, (long?)settings.Cluster.MemoryMb << 20), limiter)
                .AddDashboard(dashboard => dashboard.HideTrace = true);
            settings.Cluster.Configure(silo);
            if (settings.Cluster.Tls is { } tls)
                silo.UseMoeLoraTls(tls.ToOptions());
        });
        return builder.Build();
    }

    private static async Task JoinAsync(IHost silo, CancellationToken cancellation)
    {
        try
        {
            await silo.StartAsync(cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException($"cannot join the cluster: {e.GetBaseException().Message}");
        }
    }

    private static GatewayParts InFrontOf(IServiceProvider services, Node node, GatewayParts parts, ClusterLimiter limiter) => parts with
    {
        Grid = services.GetRequiredService<ClusterGrid>(),
        OwnStatus = () => node.Grid.Status,
        Rollouts = node.Audited(services.GetRequiredService<ClusterRollouts>()),
        Overview = services.GetRequiredService<ClusterOverview>(),
        Silos = services.GetRequiredService<BoardOverview>(),
        Budgets = limiter,
        Pages = [new OrleansPages(services.GetRequiredService<IGrainFactory>())],
        Meters = ["Microsoft.Orleans"],
        ActivitySources = ["Microsoft.Orleans.Runtime", "Microsoft.Orleans.Application"],
    };

    // Signals are the program's: the usual lifetime would catch them too.
    private sealed class StoppedByOwner : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
