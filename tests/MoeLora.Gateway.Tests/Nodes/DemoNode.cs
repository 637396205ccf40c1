using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Hosting;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;

namespace MoeLora.Gateway.Tests.Nodes;

/// <summary>A whole node behind a gateway with keys: the demo's base model and tasks, version 1 active and version 2 verified.</summary>
internal sealed class DemoNode : IAsyncDisposable
{
    private readonly string _state;
    private readonly Node _node;
    private readonly GatewayServer _server;
    private readonly CountingGrid _grid;
    private bool _isDisposed;

    private DemoNode(string state, Node node, CountingGrid grid, GatewayServer server, LogCapture log, IReadOnlyList<string> keys)
    {
        (_state, _node, _grid, _server, Log, Keys) = (state, node, grid, server, log, keys);
        Address = new Uri(server.Addresses.Single());
    }

    public Uri Address { get; }

    /// <summary>One key of each of two tenants.</summary>
    public IReadOnlyList<string> Keys { get; }

    /// <summary>Warnings and worse.</summary>
    public LogCapture Log { get; }

    /// <summary>Answers that the node began.</summary>
    public int Begun => _grid.Begun;

    public static async Task<DemoNode> StartAsync(Func<BaseModelOptions, BaseModelOptions>? configure = null, Action<GatewayOptions>? gateway = null)
    {
        string demo = Path.Combine(FindRepository(), "deploy", "demo", "files"), state = Directory.CreateTempSubdirectory("moelora-gateway-node-").FullName;
        var options = new BaseModelOptions { ModelDirectory = Path.Combine(demo, "base"), Threads = 1 };
        Node node = await Node.OpenAsync(new NodeOptions { StateDirectory = state, Bases = [configure?.Invoke(options) ?? options] }, NullLoggerFactory.Instance);
        await node.StartAsync();
        var by = new Caller(TenantId.Local, "test", Roles.Inference | Roles.Operator | Roles.Admin);
        foreach (string version in (string[])["1", "2"])
        {
            using var archive = new MemoryStream();
            await BundleArchive.PackAsync(AdapterBundle.Open(Path.Combine(demo, "v" + version)), archive);
            archive.Position = 0;
            Require(await node.Rollouts.PublishAsync(archive, by));
            Require(await node.Rollouts.ExecuteAsync(version == "1" ? new ActivateVersion("demo", version) : new LoadVersion("demo", version), by));
        }

        var keys = new List<string>();
        foreach (string name in (string[])["ward-1", "ward-2"])
        {
            TenantId tenant = TenantId.Parse(name);
            Require(await node.Tenants.PutTenantAsync(tenant, TenantLimits.None, true, by));
            keys.Add(Require(await node.Tenants.CreateKeyAsync(tenant, "test", Roles.Inference, null, by)).Secret);
        }

        var log = new LogCapture(keepsScopes: false);
        var grid = new CountingGrid(node.Grid);
        var listening = new GatewayOptions { Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] } };
        gateway?.Invoke(listening);
        var parts = new GatewayParts { Grid = grid, Tenants = node.Tenants, Budgets = node.Budgets, Rollouts = node.Rollouts, Overview = node.Overview, Audit = node.Audit };
        GatewayServer server = await GatewayServer.StartAsync(parts, listening, logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Warning));
        return new DemoNode(state, node, grid, server, log, keys);
    }

    public async Task<EngineOverview> EngineAsync() => (await OverviewAsync()).Nodes.Single().Engines.Single();

    /// <summary>Waits until nothing runs or waits and no block is held.</summary>
    public async Task<EngineOverview> IdleAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            EngineOverview engine = await EngineAsync();
            if (engine is { Running: 0, Waiting: 0, KvBlocksUsed: 0 } || patience.IsCancellationRequested)
                return engine;
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await _server.DisposeAsync();
        await _node.DisposeAsync();
        Directory.Delete(_state, recursive: true);
    }

    private async Task<GridOverview> OverviewAsync() => Require(await _node.Overview.DescribeAsync());

    private static T Require<T>(GridResult<T> result)
        where T : class
    {
        Assert.True(result.TryGet(out T? value, out GridError? error), error?.Message);
        return value;
    }

    private static string FindRepository()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    /// <summary>The node's grid, with a count of the answers that were begun.</summary>
    private sealed class CountingGrid(IModelGrid grid) : IModelGrid
    {
        private int _begun;

        public int Begun => Volatile.Read(ref _begun);

        public GridStatus Status => grid.Status;

        public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => grid.ListModelsAsync(cancellation);

        public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) => grid.FindModelAsync(model, cancellation);

        public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
        {
            GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(request, cancellation);
            if (result.TryGet(out _, out _))
                Interlocked.Increment(ref _begun);
            return result;
        }
    }
}
