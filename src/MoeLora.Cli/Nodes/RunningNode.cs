using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Fhir;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Nodes;

namespace MoeLora.Cli.Nodes;

/// <summary>A node behind its gateway in this process. Open it, <see cref="StartAsync"/>, use it, <see cref="StopAsync"/>, dispose of it.</summary>
internal sealed class RunningNode : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly ILoggerFactory _logging;
    private GatewayServer? _server;

    private RunningNode(Node node, ILoggerFactory logging)
    {
        Node = node;
        _logging = logging;
    }

    public Node Node { get; }

    /// <summary>Where it listens, after <see cref="ListenAsync"/>.</summary>
    public GatewayServer Server => _server!;

    /// <summary>Takes the node's state. Listens nowhere yet, and loads nothing.</summary>
    /// <exception cref="CommandException">The options cannot be used, or the state is another process's or broken.</exception>
    public static async Task<RunningNode> OpenAsync(NodeOptions options, CancellationToken cancellation)
    {
        CommandException.ThrowIfAny(options.FindProblems());
        ILoggerFactory logging = LoggerFactory.Create(Log);
        try
        {
            return new RunningNode(await Node.OpenAsync(options, logging, cancellation: cancellation), logging);
        }
        catch (Exception e)
        {
            logging.Dispose();
            if (e is AuditTrailException or InvalidOperationException or ArgumentException or IOException)
                throw new CommandException(e.Message);
            throw;
        }
    }

    /// <summary>Listens. The node is not ready before it has started, and says so.</summary>
    /// <param name="options">How.</param>
    /// <param name="replace">Puts other parts than the node's behind the gateway; null puts the node there.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="CommandException">An address is taken or not of this machine, or the options have problems.</exception>
    public async Task ListenAsync(GatewayOptions options, Func<GatewayParts, GatewayParts>? replace = null, CancellationToken cancellation = default)
    {
        var parts = new GatewayParts
        {
            Grid = Node.Grid,
            Name = Node.Name,
            Tenants = Node.Tenants,
            Budgets = Node.Budgets,
            Rollouts = Node.Rollouts,
            Overview = Node.Overview,
            Silos = Node.Silos,
            Audit = Node.Audit,
            AuditFormats = [new FhirAuditFormat()],
        };
        try
        {
            _server = await GatewayServer.StartAsync(replace?.Invoke(parts) ?? parts, options, Log, cancellation);
        }
        catch (Exception e) when (e is IOException or SocketException or ArgumentException)
        {
            throw new CommandException($"cannot listen: {e.Message}");
        }
    }

    /// <summary>Loads what the node serves, and shows how far that is.</summary>
    public async Task StartAsync(Terminal terminal, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        await progress.WatchAsync(terminal, Node.StartAsync(new Steps(progress), cancellation));
        foreach (string problem in Node.Problems)
            terminal.Error.WriteLine($"moelora: {problem}");
    }

    /// <summary>Waits while the node can answer.</summary>
    /// <returns>Why it never will again in this process: its devices are lost.</returns>
    /// <exception cref="OperationCanceledException">It is to stop.</exception>
    public async Task<string> UntilLostAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(Look, cancellation);
            if (Node.Grid.Status is { Phase: GridPhase.Failed } status)
                return status.Detail;
        }
    }

    /// <summary>Takes no more requests, from HTTP or a cluster, and lets running answers finish, but no longer than the deadline.</summary>
    public async Task StopAsync(TimeSpan deadline)
    {
        using var force = new CancellationTokenSource(deadline);
        await Task.WhenAll(Server.StopAsync(force.Token), Node.StopAsync(force.Token));
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        await Node.DisposeAsync();
        _logging.Dispose();
    }

    /// <summary>Where logs go: standard error, from warnings on.</summary>
    public static void Log(ILoggingBuilder logging) => logging
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
