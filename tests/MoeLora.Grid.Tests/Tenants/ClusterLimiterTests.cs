using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tenants;
using MoeLora.Grid.Tests.Silos;
using MoeLora.Serving.Tenants;
using Orleans.Core.Internal;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Tenants;

/// <summary>One limit for two silos.</summary>
public sealed class ClusterLimiterTests : IAsyncLifetime
{
    private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _still; // the silo that does not say what it holds until it is woken
    private InProcessTestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(2);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((options, silo) => silo.AddMemoryGrainStorage(GridSilo.StorageName)
            .AddMoeLoraSilo(new FakeSilo(options.SiloName), new ClusterLimiter())
            .AddIncomingGrainCallFilter(async call =>
            {
                if (call.ImplementationMethod.Name == nameof(ISiloGrain.HeldAsync) && options.SiloName == _still)
                    await _woken.Task;
                await call.Invoke();
            }));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public Task DisposeAsync() => _cluster.DisposeAsync().AsTask();

    [Fact]
    public async Task Acquire_OnTwoSilos_SharesOneLimitOfAnswers()
    {
        Tenant tenant = Tenant("ward-a", new TenantLimits { ConcurrentSequences = 2 });
        TenantLease first = Given(await Limiter(0).AcquireAsync(tenant, Demand(10)));
        Given(await Limiter(1).AcquireAsync(tenant, Demand(10)));

        Assert.Equal(GridErrorKind.RateLimited, Refused(await Limiter(1).AcquireAsync(tenant, Demand(10))));

        first.Complete(10);
        TenantLease? third = null;
        await Until.TrueAsync(async () => (await Limiter(1).AcquireAsync(tenant, Demand(10))).TryGet(out third, out _));
    }

    [Fact]
    public async Task Acquire_OnTwoSilos_SharesOneLimitOfTokens()
    {
        Tenant tenant = Tenant("ward-b", new TenantLimits { TokensPerMinute = 100 });
        Given(await Limiter(0).AcquireAsync(tenant, Demand(60)));

        Assert.Equal(GridErrorKind.RateLimited, Refused(await Limiter(1).AcquireAsync(tenant, Demand(60))));
        Given(await Limiter(1).AcquireAsync(tenant, Demand(40)));
    }

    [Fact]
    public async Task Acquire_AfterTheSiloThatHeldLeasesDied_HasTheirRoomAndKeepsItsOwn()
    {
        Tenant tenant = Tenant("ward-c", new TenantLimits { ConcurrentSequences = 3 });
        Given(await Limiter(0).AcquireAsync(tenant, Demand(10)));
        Given(await Limiter(1).AcquireAsync(tenant, Demand(10)));
        Given(await Limiter(1).AcquireAsync(tenant, Demand(10)));
        ClusterLimiter survivor = Limiter(0);

        await _cluster.KillSiloAsync(_cluster.Silos[1]);

        // The dead silo's two, whichever silo the tenant's grain lived on; the survivor's own still counts.
        await Until.TrueAsync(async () => (await survivor.AcquireAsync(tenant, Demand(10))).TryGet(out _, out _));
        Given(await survivor.AcquireAsync(tenant, Demand(10)));
        Assert.Equal(GridErrorKind.RateLimited, Refused(await survivor.AcquireAsync(tenant, Demand(10))));
    }

    [Fact]
    public async Task Acquire_WhileASiloStandsStillThatHoldsLeases_IsNotHeldUpAndCountsThemLater()
    {
        Tenant tenant = Tenant("ward-g", new TenantLimits { TokensPerMinute = 100 });
        Given(await Limiter(1).AcquireAsync(tenant, Demand(10)));
        _still = _cluster.Silos[1].Name;
        var grain = _cluster.Client.GetGrain<ITenantGrain>(tenant.Id.Text);
        await grain.Cast<IGrainManagementExtension>().DeactivateOnIdle();
        await Until.TrueAsync(() => !_cluster.TryGetGrainContext(grain.GetGrainId(), out _));

        Assert.Null(await grain.BudgetAsync()); // the next activation, which has asked all silos once
        Given(await Limiter(0).AcquireAsync(tenant, Demand(20)));

        Assert.Equal(80, (await grain.BudgetAsync())?.Tokens?.Remaining); // it cannot know of the first
        _woken.SetResult();
        await Until.TrueAsync(async () => (await grain.BudgetAsync())?.Tokens?.Remaining == 70);
    }

    [Fact]
    public async Task Acquire_ThatWasGivenUpBeforeItArrived_TakesNoRoom()
    {
        Tenant tenant = Tenant("ward-h", new TenantLimits { ConcurrentSequences = 1 });
        TenantDemandMessage late = TenantDemandMessage.Of(tenant, Demand(10), _cluster.Silos[0].SiloAddress.ToParsableString());
        var grain = _cluster.Client.GetGrain<ITenantGrain>(tenant.Id.Text);
        await grain.EndAsync([new LeaseEndMessage(late.Lease, 0, Counts: false)]);

        Assert.Equal(GridErrorKind.Unavailable, (await grain.AcquireAsync(late)).Error?.Kind);

        Given(await Limiter(0).AcquireAsync(tenant, Demand(10)));
    }

    [Fact]
    public async Task Acquire_AnswersThatGoOnOnAnotherSilo_HaveRoomAlready()
    {
        Tenant tenant = Tenant("ward-f", new TenantLimits { ConcurrentSequences = 1, TokensPerMinute = 100, RequestsPerMinute = 1 });
        Given(await Limiter(0).AcquireAsync(tenant, Demand(90)));

        Given(await Limiter(1).AcquireAsync(tenant, Demand(30) with { Continues = true }));

        Assert.Equal(GridErrorKind.RateLimited, Refused(await Limiter(1).AcquireAsync(tenant, Demand(1))));
    }

    [Fact]
    public async Task Acquire_WithoutACluster_IsUnavailableForWhoHasLimitsOnly()
    {
        var alone = new ClusterLimiter();

        GridResult<TenantLease> limited = await alone.AcquireAsync(Tenant("ward-d", new TenantLimits { RequestsPerMinute = 10 }), Demand(1));

        Assert.False(limited.TryGet(out _, out GridError? error));
        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.NotNull(error.RetryAfter);
        Given(await alone.AcquireAsync(Tenant("ward-e", TenantLimits.None), Demand(1)));
    }

    [Fact]
    public async Task Describe_OnTheSiloThatDidNotAdmit_TellsWhatIsLeft()
    {
        Tenant tenant = Tenant("ward-f", new TenantLimits { TokensPerMinute = 100 });
        Given(await Limiter(0).AcquireAsync(tenant, Demand(60)));

        await Until.TrueAsync(() => Task.FromResult(Limiter(1).Describe(tenant.Id)?.Tokens?.Remaining == 40));
    }

    private ClusterLimiter Limiter(int silo) => _cluster.Silos[silo].ServiceProvider.GetRequiredService<ClusterLimiter>();

    private static Tenant Tenant(string name, TenantLimits limits) => new(TenantId.Parse(name), limits, true, DateTimeOffset.UnixEpoch);

    private static TenantDemand Demand(long tokens) => new("clinic", "triage", 1, tokens);

    private static TenantLease Given(GridResult<TenantLease> result)
    {
        Assert.True(result.TryGet(out TenantLease? lease, out GridError? error), error?.Message);
        return lease;
    }

    private static GridErrorKind Refused(GridResult<TenantLease> result)
    {
        Assert.False(result.TryGet(out _, out GridError? error));
        return error.Kind;
    }
}
