using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.State;
using MoeLora.Serving.Tests.Registry;
using MoeLora.Serving.Tests.Rollouts;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>The node of a silo: real rollouts, with a store and a database of their own, over a host that holds no weights.</summary>
internal sealed class BankNode : ISiloNode, IModelGrid, IGridOverview, IAsyncDisposable
{
    private readonly BundleStore _store;
    private readonly StateDatabase _database;

    public BankNode(string name, string directory)
    {
        Name = name;
        Directory.CreateDirectory(directory);
        _store = BundleStore.Open(Path.Combine(directory, "bundles"), new BundleLimits());
        _database = StateDatabase.Parse(Path.Combine(directory, "state.db"));
        Real = new NodeRollouts(_store, new VersionRegistry(_database), Host, new RolloutOptions(), TimeProvider.System, NullLogger.Instance);
    }

    public string Name { get; }

    public FakeHost Host { get; } = new();

    public NodeRollouts Real { get; }

    /// <summary>What the node does with a bundle that another silo asks for.</summary>
    public Func<Stream, Stream> Sending { get; set; } = archive => archive;

    /// <summary>What answers wait for between their beginning and their end.</summary>
    public Task Answering { get; set; } = Task.CompletedTask;

    /// <summary>Bundles that were asked for and given.</summary>
    public int Sent { get; private set; }

    public GridStatus Status { get; set; } = new(GridPhase.Loading, "Starting.");

    public IModelGrid Grid => this;

    public IRollouts Rollouts => Real;

    public IGridOverview Overview => this;

    public long MemoryBytes => 1 << 30;

    public string DeviceKind => "cpu";

    public async Task StartAsync()
    {
        await Real.StartAsync(null, CancellationToken.None);
        Status = new GridStatus(GridPhase.Ready, "Ready.");
    }

    /// <summary>The version that answers a request, which then ends; or the error's text.</summary>
    public string Answers(string model)
    {
        if (!Real.Admit(ModelRef.Parse(model), TenantId.Parse("ward"), "request-1").TryGet(out RoutedRequest? request, out GridError? error))
            return error.Message;
        request.ShadowPin?.Dispose();
        request.Pin.Dispose();
        return request.Pin.Version.Key.ToString();
    }

    /// <summary>A request that goes on until its pin is disposed.</summary>
    public VersionPin Begin(string model)
    {
        Assert.True(Real.Admit(ModelRef.Parse(model), TenantId.Parse("ward"), "request-1").TryGet(out RoutedRequest? request, out GridError? error), error?.Message);
        ((FakeVersion)request.Pin.Version.Loaded).Run(request.Pin);
        return request.Pin;
    }

    /// <summary>A version's state here; null where the node does not have it.</summary>
    public async Task<RolloutState?> StateAsync(string bank, string version) =>
        (await Real.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? all, out _) ? all.SingleOrDefault(each => each.Bank == bank && each.Version == version)?.State : null;

    /// <summary>Task grains that live here.</summary>
    public ConcurrentDictionary<IDisposable, string> Held { get; } = [];

    public IDisposable HoldTask(string bank, string task)
    {
        var hold = new TaskHold(Held);
        Held[hold] = $"{bank}/{task}";
        return hold;
    }

    public async ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default)
    {
        if (await Real.OpenBundleAsync(BundleHash.Parse(bundleHash), cancellation) is not { } archive)
            return null;
        Sent++;
        return Sending(archive);
    }

    public async ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default) =>
        (await Real.StoreAsync(bundle, manifest => findProblem(StoredBundle.Of(manifest)), cancellation)).TryGet(out BundleManifest? manifest, out GridError? error)
            ? GridResult<StoredBundle>.Success(StoredBundle.Of(manifest))
            : error;

    public ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task) => new(refusal);

    public ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default) =>
        Real.PublishStoredAsync(BundleHash.Parse(bundleHash), by, cancellation);

    ValueTask<GridResult<GridOverview>> IGridOverview.DescribeAsync(CancellationToken cancellation) => new(GridResult<GridOverview>.Success(new GridOverview
    {
        At = DateTimeOffset.UnixEpoch,
        Nodes =
        [
            new NodeOverview
            {
                Name = Name,
                Status = Status,
                Started = DateTimeOffset.UnixEpoch,
                ProcessBytes = 1,
                Engines = [.. Host.BaseModels.Select(Engine)],
            },
        ],
        Versions = [],
        Tasks = [],
        Tenants = [],
    }));

    ValueTask<GridResult<IReadOnlyList<ModelDescription>>> IModelGrid.ListModelsAsync(CancellationToken cancellation) => throw new NotSupportedException();

    ValueTask<GridResult<ModelDescription>> IModelGrid.FindModelAsync(ModelRef model, CancellationToken cancellation) => throw new NotSupportedException();

    /// <summary>An answer without tokens that says which version answered.</summary>
    ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> IModelGrid.GenerateAsync(GenerationRequest request, CancellationToken cancellation)
    {
        if (!Real.Admit(request.Model, request.Tenant, "request-1").TryGet(out RoutedRequest? routed, out GridError? error))
            return new(error);
        routed.ShadowPin?.Dispose();
        routed.Pin.Dispose();
        var made = new Provenance
        {
            BaseModelHash = TestBundle.BaseModelHash,
            AdapterHash = "none",
            Version = routed.Pin.Version.Key.Version.ToString(),
            Mode = ServingMode.Shared,
            Device = "fake",
            Seed = 1,
            WeightsFormat = "f32",
            Node = Name,
        };
        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(AnswerAsync(made)));
    }

    private async IAsyncEnumerable<GenerationEvent> AnswerAsync(Provenance made)
    {
        yield return new GenerationStarted(made, 1);
        await Answering;
        yield return new GenerationFinished([FinishReason.Stop], new TokenUsage(1, 0), default, made);
    }

    public async ValueTask DisposeAsync()
    {
        await Real.DisposeAsync();
        _store.Dispose();
        _database.Dispose();
    }

    private sealed class TaskHold(ConcurrentDictionary<IDisposable, string> held) : IDisposable
    {
        public void Dispose() => held.TryRemove(this, out _);
    }

    private static EngineOverview Engine(KeyValuePair<string, string> model) => new()
    {
        BaseModel = model.Value,
        BaseModelHash = "sha256:" + model.Key,
        Device = "fake",
        WeightsFormat = "f32",
        WeightBytes = 1,
        KvBlocks = 1,
        KvBlocksUsed = 0,
        Running = 0,
        Waiting = 0,
        PromptTokens = 0,
        GeneratedTokens = 0,
        Preemptions = 0,
    };
}
