using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.State;
using MoeLora.Serving.Tests.Databases;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>The rollouts of a node over a <see cref="FakeHost"/>, with a store and a database of its own.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    public static readonly Caller Operator = new(TenantId.Local, "operator-1", Roles.Operator);

    private readonly TemporaryDirectory _directory = new();
    private readonly TestDatabase _database;
    private readonly RolloutOptions _options;
    private BundleStore _store = null!;
    private StateDatabase _state = null!;

    private TestNode(DatabaseKind kind, RolloutOptions options)
    {
        _database = new TestDatabase(kind, _directory.Path);
        _options = options;
    }

    public FakeHost Host { get; private set; } = new();

    public ManualTime Time { get; } = new();

    public FaultyRegistry Registry { get; private set; } = null!;

    public NodeRollouts Rollouts { get; private set; } = null!;

    public string StoreDirectory => _directory["bundles"];

    public static async Task<TestNode> StartAsync(DatabaseKind kind, RolloutOptions? options = null)
    {
        var node = new TestNode(kind, options ?? new RolloutOptions());
        node.Prepare();
        await node.Rollouts.StartAsync(null, CancellationToken.None);
        return node;
    }

    /// <summary>Ends as a crash does: what is in memory is lost, and nothing is said to the database. The new node is not started.</summary>
    public void Crash()
    {
        Registry.Die();
        _store.Dispose();
        _state.Dispose();
        Host = new FakeHost();
        Prepare();
    }

    public async Task CrashAndStartAsync()
    {
        Crash();
        await Rollouts.StartAsync(null, CancellationToken.None);
    }

    public async Task<AdapterVersionStatus> PublishAsync(string version, string bank = "clinic", params string[] tasks) =>
        Value(await Rollouts.PublishAsync(TestBundle.Make(bank, version, tasks: tasks).Upload(), Operator));

    public async Task<AdapterVersionStatus> DoAsync(RolloutCommand command) => Value(await Rollouts.ExecuteAsync(command, Operator));

    public async Task<GridError> RefusedAsync(RolloutCommand command) => Error(await Rollouts.ExecuteAsync(command, Operator));

    public Task<AdapterVersionStatus> ActivateAsync(string version) => DoAsync(new ActivateVersion("clinic", version));

    /// <summary>Publishes and activates.</summary>
    public async Task ServeAsync(string version)
    {
        await PublishAsync(version);
        await ActivateAsync(version);
    }

    public GridResult<RoutedRequest> Admit(string model, string requestKey = "request-1", string tenant = "ward") =>
        Rollouts.Admit(ModelRef.Parse(model), TenantId.Parse(tenant), requestKey);

    /// <summary>The version that answers a request, which then ends; or the error's text.</summary>
    public string Answers(string model = "triage", string requestKey = "request-1", string tenant = "ward")
    {
        if (!Admit(model, requestKey, tenant).TryGet(out RoutedRequest? request, out GridError? error))
            return error.Message;
        request.ShadowPin?.Dispose();
        request.Pin.Dispose();
        return request.Pin.Version.Key.ToString();
    }

    /// <summary>A request that goes on until its pin is disposed or it is ended.</summary>
    public VersionPin Begin(string model = "triage")
    {
        VersionPin pin = Value(Admit(model)).Pin;
        ((FakeVersion)pin.Version.Loaded).Run(pin);
        return pin;
    }

    public async Task<AdapterVersionStatus> StatusAsync(string version, string bank = "clinic") =>
        Value(await Rollouts.ListVersionsAsync()).Single(status => status.Bank == bank && status.Version == version);

    public async Task<RolloutState> StateAsync(string version) => (await StatusAsync(version)).State;

    /// <summary>Waits until a background drain has come to its end.</summary>
    public async Task UntilAsync(string version, RolloutState state)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (await StateAsync(version) != state)
            await Task.Delay(1, limit.Token);
    }

    /// <summary>Moves the clock, once a drain waits for it.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (Time.Timers == 0)
            await Task.Delay(1, limit.Token);
        Time.Advance(by);
    }

    /// <summary>A bank's changes, oldest first, as <c>version: from → to (who)</c>.</summary>
    public async Task<string[]> LogAsync(string bank = "clinic") =>
        [.. Value(await Rollouts.HistoryAsync(bank, 1000)).Reverse().Select(line => $"{line.Version}: {line.From?.ToString() ?? "-"} → {line.To} ({line.By})")];

    public static T Value<T>(GridResult<T> result)
        where T : class
    {
        Assert.True(result.TryGet(out T? value, out GridError? error), error?.ToString());
        return value;
    }

    public static GridError Error<T>(GridResult<T> result)
        where T : class
    {
        Assert.False(result.TryGet(out _, out GridError? error));
        return error;
    }

    public async ValueTask DisposeAsync()
    {
        await Rollouts.DisposeAsync();
        Assert.Empty(Host.Memory);
        _store.Dispose();
        _state.Dispose();
        _directory.Dispose();
    }

    private void Prepare()
    {
        _state = _database.Open();
        _store = BundleStore.Open(StoreDirectory, new BundleLimits());
        Registry = new FaultyRegistry(_state);
        Rollouts = new NodeRollouts(_store, Registry, Host, _options, Time, NullLogger.Instance);
    }
}

/// <summary>A database that fails when it is told to.</summary>
internal sealed class FaultyRegistry(StateDatabase database) : VersionRegistry(database)
{
    private readonly SemaphoreSlim _commits = new(1, 1);
    private bool _dead;

    /// <summary>The next commit fails before anything is written.</summary>
    public bool FailBefore { get; set; }

    /// <summary>The next commit succeeds, but its answer is lost.</summary>
    public bool FailAfter { get; set; }

    /// <summary>Somebody else commits the next change just before.</summary>
    public bool CommittedByAnother { get; set; }

    /// <summary>Reads fail.</summary>
    public bool Unreadable { get; set; }

    /// <summary>Nothing more is written: a process that has crashed drains no version any more. What is being written still is.</summary>
    public void Die()
    {
        _commits.Wait();
        _dead = true;
        _commits.Release();
    }

    public override async Task CommitAsync(BankChange change)
    {
        await _commits.WaitAsync();
        try
        {
            if (_dead || FailBefore)
            {
                FailBefore = false;
                throw new Npgsql.NpgsqlException("The connection was lost.");
            }

            if (CommittedByAnother)
            {
                CommittedByAnother = false;
                await base.CommitAsync(change);
            }

            await base.CommitAsync(change);
        }
        finally
        {
            _commits.Release();
        }

        if (FailAfter)
        {
            FailAfter = false;
            throw new Npgsql.NpgsqlException("The connection was lost.");
        }
    }

    public override Task<BankRecord> ReadAsync(AdapterName name, CancellationToken cancellation) =>
        Unreadable ? throw new Npgsql.NpgsqlException("The connection was lost.") : base.ReadAsync(name, cancellation);
}
