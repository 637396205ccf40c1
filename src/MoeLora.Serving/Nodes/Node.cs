using Microsoft.Extensions.Logging;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Loading;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Tensors;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// One process that serves: what answers, who may ask, and what is remembered of both. It knows no HTTP and no cluster. Open it, <see cref="StartAsync"/>, use it,
/// <see cref="StopAsync"/>, dispose of it.
/// </summary>
public sealed class Node : IAsyncDisposable
{
    private readonly StateDatabase _database;
    private readonly StateDatabase? _shared; // of tenants, where they are kept apart
    private readonly AuditTrail _trail;
    private readonly RepeatedRefusals _refusals;
    private readonly TenantDirectory _directory;
    private readonly NodeGrid _grid;
    private readonly AuditedRollouts _rollouts;
    private readonly AuditedGrid _audited;
    private int _disposals;

    private Node(NodeOptions options, StateDatabase database, StateDatabase? shared, AuditTrail trail, AuditKey key, TenantDirectory directory, ITenantLimiter limiter, NodeGrid grid, TimeProvider time)
    {
        Name = options.Name;
        DeviceKind = string.Join(", ", options.Bases.Select(model => DeviceKinds.KindOf(model.Device)).Distinct(StringComparer.Ordinal));
        _database = database;
        _shared = shared;
        _trail = trail;
        _directory = directory;
        _grid = grid;
        _refusals = new RepeatedRefusals(trail, time);
        _audited = new AuditedGrid(grid, _refusals, key, options.RequireAudit);
        _rollouts = new AuditedRollouts(grid.Rollouts, trail);
        var overview = new NodeOverviewSource(grid, limiter, options.Name, time);
        (Overview, Silos) = (overview, overview);
        Budgets = limiter as ITenantBudgets;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The kinds of devices that its base models are configured for: <c>cpu</c>, <c>cuda</c>, or several with commas between them.</summary>
    public string DeviceKind { get; }

    /// <summary>What answers; every request leaves a record; refusals that are alike share one.</summary>
    public IModelGrid Grid => _audited;

    /// <summary>Its adapter versions; every command leaves a record.</summary>
    public IRollouts Rollouts => _rollouts;

    /// <summary>Its tenants and their keys.</summary>
    public ITenantDirectory Tenants => _directory;

    /// <summary>What is left of tenants' limits; null where the limiter that was given cannot tell.</summary>
    public ITenantBudgets? Budgets { get; }

    /// <summary>What it remembers.</summary>
    public IAuditTrail Audit => _trail;

    /// <summary>Its state for people.</summary>
    public IGridOverview Overview { get; }

    /// <summary>Itself, as the only silo of a cluster of its own.</summary>
    public ISiloOverview Silos { get; }

    /// <summary>What was found when the audit trail was opened and a person should know; null for nothing.</summary>
    public string? AuditNote => _trail.OpeningNote;

    /// <summary>Why banks cannot answer, after the start: their active versions could not be loaded. Empty when all can.</summary>
    public IReadOnlyList<string> Problems => _grid.Problems;

    /// <summary>Takes the state directory and brings its database up to date. Loads no model yet.</summary>
    /// <param name="options">What the node is made of.</param>
    /// <param name="logging">Where to; nothing of a prompt or an answer is logged.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ArgumentException">The options have problems; it lists all.</exception>
    /// <exception cref="InvalidOperationException">Another process has the directory or the database.</exception>
    /// <exception cref="AuditTrailException">The audit trail is broken, or belongs to another node.</exception>
    public static async Task<Node> OpenAsync(NodeOptions options, ILoggerFactory logging, TimeProvider? time = null, CancellationToken cancellation = default)
    {
        if (options.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(" ", problems), nameof(options));
        TimeProvider clock = time ?? TimeProvider.System;
        Directory.CreateDirectory(options.StateDirectory);
        var owned = new Stack<Func<ValueTask>>();
        try
        {
            AuditTrail trail = await AuditTrail.OpenAsync(new AuditTrailOptions { Directory = NodeOptions.AuditDirectory(options.StateDirectory), Node = options.Name, Time = clock });
            owned.Push(trail.DisposeAsync);
            AuditKey key = AuditKey.LoadOrCreate(options.AuditKeyFile ?? Path.Combine(options.StateDirectory, "audit.key"));
            var database = StateDatabase.Parse(options.Database ?? Path.Combine(options.StateDirectory, "state.db"));
            owned.Push(() => Free(database));
            StateDatabase? shared = options.TenantDatabase is { } tenants ? StateDatabase.ParseShared(tenants) : null;
            if (shared is not null)
                owned.Push(() => Free(shared));
            var directory = new TenantDirectory(shared ?? database, trail, new TenantDirectoryOptions { AdminsFromIssuer = options.AdminsFromIssuer, Time = clock });
            owned.Push(() => Free(directory));
            await directory.MigrateAsync(cancellation);
            ITenantLimiter limiter = options.Limiter ?? new TenantLimiter(clock);
            NodeGrid grid = NodeGrid.Open(options, database, new NodeTenants(directory, limiter), logging, clock);
            return new Node(options, database, shared, trail, key, directory, limiter, grid, clock);
        }
        catch
        {
            while (owned.TryPop(out Func<ValueTask>? free))
                await free();
            throw;
        }
    }

    /// <summary>The first admin's key, where no tenant exists yet: shown once, kept nowhere. Null where there are tenants.</summary>
    public async Task<NewApiKey?> CreateFirstKeyAsync(CancellationToken cancellation = default) =>
        (await _directory.CreateFirstKeyAsync(cancellation)).TryGet(out NewApiKey? key, out _) ? key : null;

    /// <summary>Loads the base models and the versions that it served before, and becomes ready. To be called once.</summary>
    /// <param name="progress">Told on another thread.</param>
    /// <param name="cancellation">Gives up; the node can only be disposed of then.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">A base model or its tokenizer cannot be used.</exception>
    public async Task StartAsync(IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        await _grid.StartAsync(progress, cancellation);
        await _trail.AppendAsync(new AuditEntry { Action = AuditAction.Node, Succeeded = true, Detail = "start" }, cancellation);
    }

    /// <summary>Says that a task is wanted on this node until the hold is disposed of; see <see cref="MergingOptions.WhereHeld"/>.</summary>
    /// <param name="bank">Its bank.</param>
    /// <param name="task">Its name, or its id where it has none.</param>
    public IDisposable HoldTask(string bank, string task) => _grid.HoldTask(bank, task);

    /// <summary>A bundle in its store, packed as it is read.</summary>
    /// <param name="bundleHash"><c>sha256:</c> and 64 digits.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The archive; null where the store does not hold it whole.</returns>
    public ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default) =>
        BundleHash.TryParse(bundleHash, out BundleHash hash) ? _grid.Rollouts.OpenBundleAsync(hash, cancellation) : default;

    /// <summary>Takes a bundle into its store, every hash verified, without making it a version.</summary>
    /// <param name="bundle">A packed bundle.</param>
    /// <param name="findProblem">Why it is not wanted, asked before anything is kept; null when it is.</param>
    /// <param name="cancellation">Gives up; nothing is kept.</param>
    /// <returns>What it is, or why it was not kept.</returns>
    public async ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default) =>
        (await _grid.Rollouts.StoreAsync(bundle, manifest => findProblem(StoredBundle.Of(manifest)), cancellation)).TryGet(out BundleManifest? manifest, out GridError? error)
            ? GridResult<StoredBundle>.Success(StoredBundle.Of(manifest))
            : error;

    /// <summary>Makes a bundle in its store a version, as publishing it does; it leaves a record.</summary>
    /// <param name="bundleHash"><c>sha256:</c> and 64 digits.</param>
    /// <param name="by">Who.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The version; <see cref="GridErrorKind.NotFound"/>, which leaves no record, where the store does not hold the bundle.</returns>
    public ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default)
    {
        var hash = BundleHash.Parse(bundleHash);
        return _grid.Rollouts.Holds(hash)
            ? _rollouts.PublishAsync(() => _grid.Rollouts.PublishStoredAsync(hash, by, cancellation), by)
            : new(new GridError(GridErrorKind.NotFound, $"The bundle {hash} is not in this node's store."));
    }

    /// <summary>Puts rollouts of more than this node behind its trail: every command that they take here leaves a record here, as its own do.</summary>
    /// <param name="rollouts">Whose commands.</param>
    public IRollouts Audited(IRollouts rollouts) => new AuditedRollouts(rollouts, _trail);

    /// <summary>Records a request that was refused here before any node was asked, as the node records its own refusals.</summary>
    /// <param name="request">The request.</param>
    /// <param name="refusal">Why.</param>
    /// <param name="bank">The bank that it asked for, where there is such a task; never the caller's own text.</param>
    /// <param name="task">Its task, likewise.</param>
    /// <returns>The refusal; or that it could not be recorded, where every request must be.</returns>
    public ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank = null, string? task = null) =>
        _audited.RecordRefusalAsync(request, refusal, bank, task);

    /// <summary>Refuses new requests and commands, and waits for answers that run or wait.</summary>
    /// <param name="force">Ends them early, each with an error that says so.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        await _grid.StopAsync(force);
        await _trail.AppendAsync(new AuditEntry { Action = AuditAction.Node, Succeeded = true, Detail = "stop" }, CancellationToken.None);
    }

    /// <summary>Ends all answers early and frees everything. The next start serves what this one served.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await _grid.DisposeAsync();
        _directory.Dispose();
        await _refusals.DisposeAsync();
        await _trail.DisposeAsync();
        _database.Dispose();
        _shared?.Dispose();
    }

    private static ValueTask Free(IDisposable owned)
    {
        owned.Dispose();
        return default;
    }
}
