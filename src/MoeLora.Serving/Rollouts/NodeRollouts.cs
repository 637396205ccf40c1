using Microsoft.Extensions.Logging;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Registry;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Rollouts;

/// <summary>
/// The adapter versions of one node: stored, loaded, proven, exchanged under load, and found again after a restart. Requests come in by
/// <see cref="Admit"/>, which takes no lock but that of the version it pins.
/// </summary>
internal sealed partial class NodeRollouts : IRollouts, IAsyncDisposable
{
    /// <summary>Who does what nobody commanded.</summary>
    public const string Node = "node";

    private const int MostChanges = 1000;

    private readonly BundleStore _store;
    private readonly VersionRegistry _registry;
    private readonly IVersionHost _host;
    private readonly RolloutOptions _options;
    private readonly ILogger _logger;
    private readonly BankBoard _board;
    private readonly VersionDrains _drains;
    private readonly VersionLoading _loading;
    private readonly RolloutMetrics _metrics;
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _started;
    private int _disposals;

    public NodeRollouts(BundleStore store, VersionRegistry registry, IVersionHost host, RolloutOptions options, TimeProvider time, ILogger logger)
    {
        _store = store;
        _registry = registry;
        _host = host;
        _options = options;
        _logger = logger;
        _board = new BankBoard(registry, time) { StartDrain = (bank, served) => _drains!.Start(bank, served) };
        _metrics = new RolloutMetrics(time);
        _drains = new VersionDrains(_board, options, _metrics, time, logger);
        _loading = new VersionLoading(_board, _drains, store, host, _metrics, logger);
    }

    /// <summary>Who answers what now.</summary>
    public RoutingTable Routes => _board.Routes;

    /// <summary>Why banks cannot answer: their active versions could not be loaded. Empty when all can.</summary>
    public IReadOnlyList<string> Problems => [.. _board.Banks.Select(bank => bank.Problem).OfType<string>()];

    /// <summary>
    /// Takes up what the database holds: what was loading is published again, what was draining is retired, and every version that was in
    /// memory is loaded and proven again, the active ones first. One that fails does not keep the others from starting: see <see cref="Problems"/>.
    /// </summary>
    /// <param name="progress">Told of each version before it is loaded.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task StartAsync(IProgress<AdapterVersionKey>? progress, CancellationToken cancellation)
    {
        await _registry.MigrateAsync(cancellation);
        await _board.ReadAsync(cancellation);
        Bank[] banks = [.. _board.Banks];
        foreach (Bank bank in banks)
            await TakeUpAsync(bank);

        var resident = banks.SelectMany(bank => bank.Record.Versions.Values.Where(version => Bank.ShouldBeInMemory(version.State)).Select(version => (bank, version)));
        foreach ((Bank bank, VersionRecord version) in resident.OrderByDescending(each => each.version.State).ToArray())
        {
            progress?.Report(new AdapterVersionKey(version.Bank, version.Version));
            await _loading.EnsureAsync(bank, version.Version, Node, cancellation);
        }

        _started = true;
    }

    /// <summary>Finds the version that answers a request, and pins it.</summary>
    /// <param name="model">What the request names.</param>
    /// <param name="tenant">For whom.</param>
    /// <param name="requestKey">The request's own id, or its seed as text: decides reproducibly whether it is part of a canary's or shadow's share.</param>
    /// <param name="limits">The tenant's; an error names nothing that they do not allow. Null for none.</param>
    public GridResult<RoutedRequest> Admit(ModelRef model, TenantId tenant, string requestKey, TenantLimits? limits = null)
    {
        while (true)
        {
            if (_stopping.IsCancellationRequested)
                return new GridError(GridErrorKind.Stopping, "The node is shutting down.");
            RoutingTable routes = Routes;
            if (!routes.Resolve(model, tenant, requestKey).TryGet(out Route? route, out GridError? error)
                && (limits?.AllowedTasks is null || !routes.VisibleTo(limits).Resolve(model, tenant, requestKey).TryGet(out route, out error)))
                return error;
            if (route.Version.TryPin(out VersionPin? pin))
            {
                VersionPin? shadow = null;
                route.Shadow?.TryPin(out shadow);
                return GridResult<RoutedRequest>.Success(new RoutedRequest(pin, route.AdapterTask, shadow));
            }

            // It was closed after the table was read. A version is closed only after a table without it is there, so the next round finds another.
        }
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default)
    {
        if (NotNow() is { } notNow)
            return notNow;
        try
        {
            if (!(await _store.ReceiveAsync(bundle, cancellation)).TryGet(out IncomingBundle? incoming, out GridError? error))
                return error;
            using (incoming)
                return await PublishAsync(incoming.Manifest, incoming.Keep, by);
        }
        catch (RolloutException e)
        {
            return e.Error;
        }
        catch (IOException e)
        {
            return NotReceived(e);
        }
    }

    /// <summary>Takes a bundle into the store without making it a version.</summary>
    /// <param name="bundle">A packed bundle; every hash is verified.</param>
    /// <param name="findProblem">Why it is not wanted, before it is kept; null when it is.</param>
    /// <param name="cancellation">Gives up; nothing is kept.</param>
    /// <returns>What its manifest says, or why it was not kept.</returns>
    public async ValueTask<GridResult<BundleManifest>> StoreAsync(Stream bundle, Func<BundleManifest, GridError?> findProblem, CancellationToken cancellation)
    {
        if (NotNow() is { } notNow)
            return notNow;
        try
        {
            if (!(await _store.ReceiveAsync(bundle, cancellation)).TryGet(out IncomingBundle? incoming, out GridError? error))
                return error;
            using (incoming)
            {
                if (findProblem(incoming.Manifest) is { } problem)
                    return problem;
                incoming.Keep();
                return GridResult<BundleManifest>.Success(incoming.Manifest);
            }
        }
        catch (IOException e)
        {
            return NotReceived(e);
        }
    }

    /// <summary>Whether the store has a bundle, whole or damaged.</summary>
    public bool Holds(BundleHash hash) => _store.Holds(hash);

    /// <summary>A stored bundle, packed as it is read; null where it is not in the store, or not whole.</summary>
    public async ValueTask<Stream?> OpenBundleAsync(BundleHash hash, CancellationToken cancellation)
    {
        try
        {
            return BundleStore.Pack(await Task.Run(() => _store.OpenBundle(hash), cancellation));
        }
        catch (AdapterException)
        {
            return null;
        }
    }

    /// <summary>Makes a bundle that is in the store a version, as publishing it does.</summary>
    public async ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(BundleHash hash, Caller by, CancellationToken cancellation)
    {
        if (NotNow() is { } notNow)
            return notNow;
        try
        {
            AdapterBundle bundle = await Task.Run(() => _store.OpenBundle(hash), cancellation);
            return await PublishAsync(bundle.Manifest, () => { }, by);
        }
        catch (AdapterException e)
        {
            return new GridError(GridErrorKind.NotFound, BundleStore.Message(e));
        }
        catch (RolloutException e)
        {
            return e.Error;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default)
    {
        if (NotNow() is { } notNow)
            return notNow;
        if (!AdapterName.TryParse(command.Bank, out AdapterName name) || _board.Find(name) is not { } bank)
            return NoBank(command.Bank);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        try
        {
            await bank.Turn.WaitAsync(either.Token);
            try
            {
                await _board.RefreshAsync(bank);
                var run = new RolloutCommands(_board, _loading, _options, _metrics, bank, by.Subject);
                return await run.ExecuteAsync(command, either.Token);
            }
            finally
            {
                bank.Turn.Release();
            }
        }
        catch (RolloutException e)
        {
            return e.Error;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return new GridError(GridErrorKind.Stopping, "The node is shutting down.");
        }
    }

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) =>
        ValueTask.FromResult(GridResult<IReadOnlyList<AdapterVersionStatus>>.Success(
        [
            .. _board.Banks.SelectMany(bank => bank.Record.Versions.Values
                .OrderByDescending(version => version.Published).ThenByDescending(version => version.Version.ToString(), StringComparer.Ordinal)
                .Select(version => bank.Describe(version.Version))),
        ]));

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default)
    {
        if (limit is < 1 or > MostChanges)
            return new GridError(GridErrorKind.InvalidRequest, $"'limit' must be between 1 and {MostChanges}.", "limit");
        if (!AdapterName.TryParse(bank, out AdapterName name) || _board.Find(name) is null)
            return NoBank(bank);
        try
        {
            return GridResult<IReadOnlyList<RolloutChange>>.Success(await _registry.HistoryAsync(name, limit, cancellation));
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            return new GridError(GridErrorKind.Unavailable, "The node's database failed.");
        }
    }

    /// <summary>
    /// Takes no more commands and requests, gives up what loads, ends every answer that still runs, and frees all versions. The database keeps what
    /// was in memory: the next start loads it again.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await _stopping.CancelAsync();
        foreach (Bank bank in _board.Banks)
        {
            await bank.Turn.WaitAsync(CancellationToken.None); // the command that ran has ended; no other begins
            foreach (Drain drain in bank.Drains.Values)
            {
                await drain.CallOff.CancelAsync();
                await drain.Completion;
            }

            foreach (ServedVersion served in bank.Served.Values)
                await _drains.EndAsync(served);
        }

        _metrics.Dispose();
    }

    private async Task TakeUpAsync(Bank bank)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                await _board.ChangeAsync(bank, Node, change =>
                {
                    foreach (VersionRecord version in change.Before.InState(RolloutState.Loading))
                        change.Move(version.Version, RolloutState.Published, "The node stopped while it was loading.");
                });
                return;
            }
            catch (RolloutException e) when (e.Error.Kind == GridErrorKind.Conflict && tries < 5)
            {
                // The last commit of the process before this one came in after this one had read. It has been read again now.
            }
        }
    }

    private GridError NotReceived(IOException e)
    {
        LogNotReceived(e);
        return new GridError(GridErrorKind.Unavailable, "The bundle could not be received: the sender broke off, or the node's disk failed.");
    }

    private async Task<GridResult<AdapterVersionStatus>> PublishAsync(BundleManifest manifest, Action keep, Caller by)
    {
        if (!_host.BaseModels.ContainsKey(manifest.BaseModelHash))
        {
            string there = string.Join(", ", _host.BaseModels.Select(model => $"{model.Value} (sha256:{model.Key})"));
            return new GridError(GridErrorKind.InvalidRequest, $"The bundle is for a base model that this grid does not have: sha256:{manifest.BaseModelHash}. It has: {there}.");
        }

        Bank bank = _board.Require(manifest.Name);
        VersionRecord? other = null;
        await _board.ChangeAsync(bank, by.Subject, change =>
        {
            VersionRecord? there = change.After.Versions.GetValueOrDefault(manifest.Version);
            other = there is not null && there.BundleHash != manifest.ContentHash ? there : null;
            if (other is not null)
                return;
            keep(); // first the bundle, then the version that names it: what the database names is always complete
            if (there is null)
                change.Publish(manifest);
        });
        return other is null
            ? GridResult<AdapterVersionStatus>.Success(bank.Describe(manifest.Version))
            : new GridError(
                GridErrorKind.Conflict,
                $"{manifest.Name}@{manifest.Version} is {other.BundleHash} already, and a version never changes; publish {manifest.ContentHash} under another version.");
    }

    private GridError? NotNow() => _stopping.IsCancellationRequested ? new GridError(GridErrorKind.Stopping, "The node is shutting down.")
        : _started ? null
        : new GridError(GridErrorKind.NotReady, "The node is starting: it is loading the versions that it served before.", RetryAfter: TimeSpan.FromSeconds(5));

    private GridError NoBank(string name)
    {
        string there = string.Join(", ", _board.Banks.Select(bank => bank.Record.Name.ToString()));
        return new GridError(GridErrorKind.NotFound, there.Length == 0 ? "There is no bank yet; publish a bundle first." : $"There is no bank '{name}'. There are: {there}.");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A bundle could not be received.")]
    private partial void LogNotReceived(Exception exception);
}
