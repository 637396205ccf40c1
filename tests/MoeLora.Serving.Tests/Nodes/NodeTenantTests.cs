using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Serving.Tests.Auditing;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Nodes;

/// <summary>A node whose tenants have limits, and its records.</summary>
public sealed class NodeTenantTests : IClassFixture<NodeTests.Bundles>, IAsyncLifetime
{
    private static readonly TenantId Ward = TenantId.Parse("ward");

    private readonly NodeBundles _bundles;
    private readonly string _state = Directory.CreateTempSubdirectory("moelora-node-").FullName;
    private readonly MemoryTrail _trail = new();
    private readonly StateDatabase _database;
    private readonly TenantDirectory _directory;
    private readonly WatchedLimiter _limiter = new(new TenantLimiter(TimeProvider.System));
    private readonly NodeGrid _node;

    public NodeTenantTests(NodeTests.Bundles bundles)
    {
        _bundles = bundles.Made;
        _database = StateDatabase.Sqlite(Path.Combine(_state, "state.db"));
        _directory = new TenantDirectory(_database, _trail, new TenantDirectoryOptions());
        _node = NodeGrid.Open(
            _bundles.Options(_state) with { ReservedAnswerTokens = 4, MaxBundleBytes = 8 << 20 }, _database, new NodeTenants(_directory, _limiter), NullLoggerFactory.Instance, TimeProvider.System);
    }

    public async Task InitializeAsync()
    {
        await _directory.MigrateAsync();
        await _node.StartAsync();
        await using MemoryStream archive = await NodeBundles.PackAsync(_bundles.Make("1", 1));
        Assert.True((await _node.Rollouts.PublishAsync(archive, NodeBundles.Operator)).TryGet(out _, out _));
        Assert.True((await _node.Rollouts.ExecuteAsync(new ActivateVersion("bank", "1"), NodeBundles.Operator)).TryGet(out _, out _));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _directory.Dispose();
        _database.Dispose();
        Directory.Delete(_state, recursive: true);
    }

    [Fact]
    public async Task Request_WhenRequestsAreUsedUp_IsRefusedBeforeItsPromptIsLookedAt()
    {
        await LimitAsync(new TenantLimits { RequestsPerMinute = 1 });
        GenerationRequest tooLong = Request("1", 4) with { Prompt = new TokenPrompt([.. Enumerable.Repeat(1, 100_000)]) };
        GridErrorKind before = (await _node.RefusalAsync(tooLong)).Kind;
        await _node.AnswerAsync(Request("1", 4));

        Assert.Equal(GridErrorKind.ContextLengthExceeded, before);
        Assert.Equal(GridErrorKind.RateLimited, (await _node.RefusalAsync(tooLong)).Kind);
    }

    [Fact]
    public async Task Request_ForWhatIsNotThere_NamesOnlyTasksThatTheTenantMayAsk()
    {
        string[] tasks = [.. _bundles.Tasks.Select(task => task.Name.ToString())];
        await LimitAsync(new TenantLimits { AllowedTasks = [$"bank/{tasks[1]}"] });

        GridError error = await _node.RefusalAsync(Request("nothing-such", 4));

        Assert.Equal((GridErrorKind.ModelNotFound, $"There is no task 'nothing-such'. There are: {tasks[1]}."), (error.Kind, error.Message));
        Assert.Equal(GridErrorKind.Forbidden, (await _node.RefusalAsync(Request(tasks[0], 4))).Kind);
    }

    [Fact]
    public async Task Request_OfOpenLength_IsTrimmedToWhatItsTenantMayEverUse()
    {
        int prompt = Packs.Prompt(Packs.Qwen2).Length;
        await LimitAsync(new TenantLimits { TokensPerMinute = prompt + 13 });

        CollectedAnswer answer = await _node.AnswerAsync(Request("1", int.MaxValue) with { TrimToContext = true, Answers = 1 });

        Assert.InRange(answer.Ids.Count, 1, 13);
        Assert.Equal(answer.Ids.Count, answer.Finished.Usage.CompletionTokens);
        Assert.Equal(GridErrorKind.InvalidRequest, (await _node.RefusalAsync(Request("1", 14))).Kind); // who says a length means it
    }

    [Fact]
    public async Task Request_OfOpenLength_ReservesLittleAndSettlesWhatItUsed()
    {
        int prompt = Packs.Prompt(Packs.Qwen2).Length;
        await LimitAsync(new TenantLimits { TokensPerMinute = 100_000 });

        await _node.AnswerAsync(Request("1", 20) with { TrimToContext = true });
        long open = _limiter.Last;
        long used = _limiter.DescribeUsage().Single().TokensLastMinute;
        await _node.AnswerAsync(Request("1", 20));

        Assert.Equal(prompt + 4, open);
        Assert.Equal(prompt + 20, _limiter.Last);
        Assert.Equal(prompt + 20, used);
    }

    [Fact]
    public async Task Bundle_LargerThanTheNodeTakes_IsTooLarge()
    {
        using var upload = new ForwardOnlyStream(new byte[(8 << 20) + 1]);
        Assert.False((await _node.Rollouts.PublishAsync(upload, NodeBundles.Operator)).TryGet(out _, out GridError? error));
        Assert.Equal(GridErrorKind.TooLarge, error.Kind);
    }

    [Fact]
    public async Task Answer_ThatItsCallerLeaves_IsRecordedWithVersionAndBundle()
    {
        await LimitAsync(TenantLimits.None);
        var grid = new AuditedGrid(_node, _trail, AuditKey.LoadOrCreate(Path.Combine(_state, "audit.key")));
        Assert.True((await grid.GenerateAsync(Request("1", 100))).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _));
        Provenance? made = null;
        int tokens = 0;
        await foreach (GenerationEvent step in events)
        {
            made = (step as GenerationStarted)?.Provenance ?? made;
            tokens += (step as TokenChunk)?.TokenIds.Count ?? 0;
            if (tokens >= 3)
                break;
        }

        AuditEntry entry = Assert.Single(_trail.Entries, each => each.Action == AuditAction.Generate && !each.IsBegun);
        Assert.Equal((false, "cancelled", "bank", "1", tokens), (entry.Succeeded, entry.Detail, entry.Bank, entry.Version, entry.CompletionTokens));
        Assert.Equal((made!.AdapterHash, made.BaseModelHash, Packs.Prompt(Packs.Qwen2).Length), (entry.BundleHash, entry.BaseModelHash, entry.PromptTokens));
        Assert.NotNull(entry.PromptHash);
        Assert.NotNull(entry.AnswerHash);
    }

    private async Task LimitAsync(TenantLimits limits) =>
        Assert.True((await _directory.PutTenantAsync(Ward, limits, true, new Caller(TenantId.Local, "admin-1", Roles.Admin))).TryGet(out _, out GridError? error), error?.Message);

    /// <summary>A limiter that keeps what was asked of it last.</summary>
    private sealed class WatchedLimiter(TenantLimiter limiter) : ITenantLimiter
    {
        public long Last { get; private set; }

        public ValueTask<GridResult<TenantLease>> AcquireAsync(Tenant tenant, TenantDemand demand, CancellationToken cancellation = default)
        {
            Last = demand.Tokens;
            return limiter.AcquireAsync(tenant, demand, cancellation);
        }

        public GridError? FindRefusal(Tenant tenant, TenantDemand demand) => limiter.FindRefusal(tenant, demand);

        public IReadOnlyList<TenantUsage> DescribeUsage() => limiter.DescribeUsage();
    }

    private static GenerationRequest Request(string model, int tokens) => Answers.Request(model, Packs.Prompt(Packs.Qwen2), tokens) with { Tenant = Ward };
}
