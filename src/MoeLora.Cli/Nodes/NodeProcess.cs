using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Fhir;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Nodes;

namespace MoeLora.Cli.Nodes;

/// <summary>A node behind its gateway, for as long as the process runs.</summary>
internal static class NodeProcess
{
    /// <summary>Runs until it is cancelled, then lets running answers finish.</summary>
    /// <exception cref="CommandException">The configuration cannot be used, or something of it is taken or broken.</exception>
    public static async Task RunAsync(NodeSettings settings, Terminal terminal, CancellationToken cancellation)
    {
        ThrowIfAny(settings.FindProblems());
        NodeOptions options = settings.ToNode();
        GatewayOptions gateway = settings.ToGateway();
        ThrowIfAny(options.FindProblems());
        using ILoggerFactory logging = LoggerFactory.Create(Log);
        await using Node node = await OpenAsync(options, logging, cancellation);
        if (node.AuditNote is { } note)
            terminal.Error.WriteLine($"moelora: {note}");
        if (await node.CreateFirstKeyAsync(cancellation) is { } first)
            Show(first, terminal);

        var parts = new GatewayParts
        {
            Grid = node.Grid,
            Tenants = node.Tenants,
            Budgets = node.Budgets,
            Rollouts = node.Rollouts,
            Overview = node.Overview,
            Audit = node.Audit,
            AuditFormats = [new FhirAuditFormat()],
        };
        await using GatewayServer server = await ListenAsync(parts, gateway, cancellation);
        try
        {
            var progress = new ProgressSource();
            await progress.WatchAsync(terminal, node.StartAsync(new Steps(progress), cancellation));
            foreach (string problem in node.Problems)
                terminal.Error.WriteLine($"moelora: {problem}");
            terminal.Out.WriteLine($"Node '{options.Name}' answers on {string.Join(", ", server.Addresses)}{(server.AdministrationAddresses.Count > 0 ? $"; administration on {string.Join(", ", server.AdministrationAddresses)}" : "")}");
            terminal.Out.Flush();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine("moelora: stopping; running answers may finish.");
        }

        using var force = new CancellationTokenSource(gateway.DrainDeadline);
        await server.StopAsync(force.Token);
        await node.StopAsync(force.Token);
    }

    private static async Task<Node> OpenAsync(NodeOptions options, ILoggerFactory logging, CancellationToken cancellation)
    {
        try
        {
            return await Node.OpenAsync(options, logging, cancellation: cancellation);
        }
        catch (Exception e) when (e is AuditTrailException or InvalidOperationException or ArgumentException or IOException)
        {
            throw new CommandException(e.Message);
        }
    }

    private static async Task<GatewayServer> ListenAsync(GatewayParts parts, GatewayOptions options, CancellationToken cancellation)
    {
        try
        {
            return await GatewayServer.StartAsync(parts, options, Log, cancellation);
        }
        catch (Exception e) when (e is IOException or SocketException or ArgumentException)
        {
            throw new CommandException($"cannot listen: {e.Message}");
        }
    }

    private static void ThrowIfAny(IEnumerable<string> problems)
    {
        string[] all = [.. problems];
        if (all.Length > 0)
            throw new CommandException(string.Join('\n', all));
    }

    private static void Show(NewApiKey first, Terminal terminal)
    {
        // Standard output, and only here: it is kept nowhere.
        terminal.Out.WriteLine("This node has no tenants yet. The first admin's key, shown once:");
        terminal.Out.WriteLine($"  {first.Secret}");
        terminal.Out.Flush();
    }

    private static void Log(ILoggingBuilder logging) => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // why it did not start is thrown
        .AddFilter("Microsoft.EntityFrameworkCore", LogLevel.None) // its failures reach the caller; its messages hold statements
        .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);

    private sealed class Steps(ProgressSource progress) : IProgress<GridLoading>
    {
        private string? _step;

        public void Report(GridLoading value)
        {
            if (value.Step != _step)
                progress.Begin(char.ToUpperInvariant(value.Step[0]) + value.Step[1..]);
            _step = value.Step;
            if (value.Total > 0)
                progress.Report((double)value.Done / value.Total);
        }
    }
}
