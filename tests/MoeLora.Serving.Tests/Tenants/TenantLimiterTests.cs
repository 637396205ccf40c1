using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Tests.Tenants;

public sealed class TenantLimiterTests
{
    private readonly ManualTime _time = new();
    private readonly TenantLimiter _limiter;

    public TenantLimiterTests() => _limiter = new TenantLimiter(_time);

    [Fact]
    public async Task Acquire_RequestsUsedUp_WaitsExactlyUntilTheOldestEnds()
    {
        Tenant tenant = Clinic(new TenantLimits { RequestsPerMinute = 2 });
        _time.Advance(TimeSpan.FromMilliseconds(400));
        await LeaseAsync(tenant);
        _time.Advance(TimeSpan.FromSeconds(10));
        await LeaseAsync(tenant);

        GridError error = await RefusedAsync(tenant);
        Assert.Equal(GridErrorKind.RateLimited, error.Kind);

        // The first was in second 0, which counts until second 61 begins.
        Assert.Equal(TimeSpan.FromSeconds(61 - 10.4), error.RetryAfter);
        _time.Advance(error.RetryAfter!.Value - TimeSpan.FromTicks(1));
        Assert.Equal(TimeSpan.FromTicks(1), (await RefusedAsync(tenant)).RetryAfter);
        _time.Advance(TimeSpan.FromTicks(1));
        await LeaseAsync(tenant);
    }

    [Fact]
    public async Task Acquire_TokensReserved_CountInFullUntilSettled()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 100 });
        TenantLease lease = await LeaseAsync(tenant, tokens: 80);
        Assert.Equal(GridErrorKind.RateLimited, (await RefusedAsync(tenant, tokens: 30)).Kind);
        lease.Complete(60);
        await LeaseAsync(tenant, tokens: 40);
        await RefusedAsync(tenant, tokens: 1);
    }

    [Fact]
    public async Task Acquire_AnswersThatGoOnFromElsewhere_HaveRoomAndAreCountedAsTheRest()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 100, RequestsPerMinute = 1, ConcurrentSequences = 1, AllowedTasks = ["med/entities"] });
        await LeaseAsync(tenant, tokens: 90);
        var rest = new TenantDemand("med", "entities", 1, 30) { Continues = true };

        Assert.Null(_limiter.FindRefusal(tenant, rest));
        Assert.True((await _limiter.AcquireAsync(tenant, rest)).TryGet(out TenantLease? lease, out _));
        Assert.Equal(new TenantUsage(tenant.Id, 2, 120, 1, tenant.Limits), Assert.Single(_limiter.DescribeUsage()));
        lease.Cancel();
        Assert.Equal(new TenantUsage(tenant.Id, 1, 90, 1, tenant.Limits), Assert.Single(_limiter.DescribeUsage()));
        Assert.Equal(GridErrorKind.Forbidden, _limiter.FindRefusal(tenant, rest with { Task = "triage" })!.Kind);
    }

    [Fact]
    public async Task FindRefusal_SaysWhatAdmissionWouldSay_AndCountsNothing()
    {
        Tenant tenant = Clinic(new TenantLimits { RequestsPerMinute = 2, AllowedTasks = ["med/entities"] });
        var demand = new TenantDemand("med", "entities", 1, 1);
        Assert.Null(_limiter.FindRefusal(tenant, demand));
        await LeaseAsync(tenant);
        for (int i = 0; i < 10; i++)
            Assert.Null(_limiter.FindRefusal(tenant, demand));
        await LeaseAsync(tenant);

        Assert.Equal(await RefusedAsync(tenant), _limiter.FindRefusal(tenant, demand));
        Assert.Equal(GridErrorKind.RateLimited, _limiter.FindRefusal(tenant, demand)!.Kind);
        Assert.Equal(GridErrorKind.Forbidden, _limiter.FindRefusal(tenant, demand with { Task = "other" })!.Kind);
        _time.Advance(TimeSpan.FromSeconds(62));
        Assert.Null(_limiter.FindRefusal(tenant, demand));
    }

    [Fact]
    public async Task Acquire_Refused_CostsNothing()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 100, RequestsPerMinute = 10, ConcurrentSequences = 5 });
        await LeaseAsync(tenant, tokens: 90);
        for (int i = 0; i < 100; i++)
            await RefusedAsync(tenant, tokens: 11);
        Assert.Equal(new TenantUsage(tenant.Id, 1, 90, 1, tenant.Limits), Assert.Single(_limiter.DescribeUsage()));
        await LeaseAsync(tenant, tokens: 10);
    }

    [Fact]
    public async Task Acquire_MoreTokensThanTheMinuteHolds_IsAnInvalidRequest()
    {
        GridError error = await RefusedAsync(Clinic(new TenantLimits { TokensPerMinute = 100 }), tokens: 101);
        Assert.Equal((GridErrorKind.InvalidRequest, "max_tokens", null), (error.Kind, error.Param, error.RetryAfter));
    }

    [Fact]
    public async Task Acquire_MoreAnswersThanAtOnce_IsAnInvalidRequest()
    {
        GridError error = await RefusedAsync(Clinic(new TenantLimits { ConcurrentSequences = 2 }), answers: 3);
        Assert.Equal((GridErrorKind.InvalidRequest, "n"), (error.Kind, error.Param));
    }

    [Fact]
    public async Task Acquire_AnswersAtOnceUsedUp_WaitsForOneToEnd()
    {
        Tenant tenant = Clinic(new TenantLimits { ConcurrentSequences = 3 });
        TenantLease two = await LeaseAsync(tenant, answers: 2);
        await LeaseAsync(tenant);
        GridError error = await RefusedAsync(tenant);
        Assert.Equal((GridErrorKind.RateLimited, null), (error.Kind, error.RetryAfter));
        two.Complete(0);
        await LeaseAsync(tenant, answers: 2);
        await RefusedAsync(tenant);
    }

    [Theory]
    [InlineData("complete")]
    [InlineData("cancel")]
    [InlineData("dispose")]
    public async Task Lease_EndedAgain_ChangesNothing(string first)
    {
        Tenant tenant = Clinic(new TenantLimits { ConcurrentSequences = 9 });
        TenantLease lease = await LeaseAsync(tenant, tokens: 50);
        await LeaseAsync(tenant, tokens: 5);
        if (first == "complete")
            lease.Complete(20);
        else if (first == "cancel")
            lease.Cancel();
        TenantUsage? expected = null;
        for (int i = 0; i < 3; i++)
        {
            lease.Dispose();
            expected ??= Assert.Single(_limiter.DescribeUsage());
            lease.Complete(1);
            lease.Cancel();
        }

        Assert.Equal(expected, Assert.Single(_limiter.DescribeUsage()));
        Assert.Equal(first switch { "complete" => (1, 25L, 2L), "cancel" => (1, 5L, 1L), _ => (1, 55L, 2L) }, (expected!.Running, expected.TokensLastMinute, expected.RequestsLastMinute));
    }

    [Fact]
    public async Task Lease_EndsAfterItsMinute_GivesBackNothingOfThisOne()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 100 });
        TenantLease slow = await LeaseAsync(tenant, tokens: 100);
        _time.Advance(TimeSpan.FromSeconds(61));
        await LeaseAsync(tenant, tokens: 100);
        slow.Complete(10);
        await RefusedAsync(tenant, tokens: 1);
    }

    [Fact]
    public async Task Acquire_LimitsChanged_HoldFromTheNextRequest()
    {
        await LeaseAsync(Clinic(new TenantLimits { RequestsPerMinute = 1 }));
        await RefusedAsync(Clinic(new TenantLimits { RequestsPerMinute = 1 }));
        await LeaseAsync(Clinic(new TenantLimits { RequestsPerMinute = 2, Weight = 3 }));
        await RefusedAsync(Clinic(new TenantLimits { RequestsPerMinute = 1 }));
    }

    [Fact]
    public async Task Acquire_GivesTheWeight()
    {
        Assert.Equal(2.5, (await LeaseAsync(Clinic(new TenantLimits { Weight = 2.5 }))).Weight);
    }

    [Theory]
    [InlineData("med", "entities", true)]
    [InlineData("med", "entities2", false)]
    [InlineData("med", "Entities", false)]
    [InlineData("med", "entitie", false)]
    [InlineData("lab", "anything", true)]
    [InlineData("lab", "*", true)]
    [InlineData("la", "b", false)]
    [InlineData("labs", "x", false)]
    [InlineData("med/entities", "x", false)]
    [InlineData("me", "d/entities", false)]
    [InlineData(null, "entities", false)]
    public async Task Acquire_OnlyAllowedTasks(string? bank, string task, bool allowed)
    {
        Tenant tenant = Clinic(new TenantLimits { AllowedTasks = ["med/entities", "lab/*"] });
        GridResult<TenantLease> result = await _limiter.AcquireAsync(tenant, new TenantDemand(bank, task, 1, 1));
        Assert.Equal(allowed, result.TryGet(out _, out GridError? error));
        Assert.Equal(allowed ? null : GridErrorKind.Forbidden, error?.Kind);
    }

    [Fact]
    public async Task Acquire_TenantDisabled_IsForbidden()
    {
        Assert.Equal(GridErrorKind.Forbidden, (await RefusedAsync(Clinic(TenantLimits.None) with { Enabled = false })).Kind);
    }

    [Fact]
    public async Task DescribeBudget_TellsWhatIsLeft()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 100, RequestsPerMinute = 5 });
        Assert.Null(_limiter.Describe(tenant.Id));
        await LeaseAsync(tenant, tokens: 30);
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(
            new TenantBudget(new BudgetLine(5, 4, TimeSpan.FromSeconds(41)), new BudgetLine(100, 70, TimeSpan.FromSeconds(41))),
            _limiter.Describe(tenant.Id));
    }

    [Fact]
    public async Task Acquire_ManyTenants_IdleOnesAreForgotten()
    {
        TenantLease kept = await LeaseAsync(Clinic(TenantLimits.None));
        for (int i = 0; i < 1000; i++)
            (await LeaseAsync(new Tenant(TenantId.Parse("t" + i), TenantLimits.None, true, default))).Complete(5);
        Assert.Equal(1001, _limiter.Remembered);
        _time.Advance(TimeSpan.FromMinutes(2));
        (await LeaseAsync(new Tenant(TenantId.Parse("late"), TenantLimits.None, true, default))).Complete(1);
        Assert.Equal(2, _limiter.Remembered);
        Assert.Equal(["clinic", "late"], _limiter.DescribeUsage().Select(usage => usage.Tenant.Text));
        kept.Complete(0);
    }

    [Fact]
    public async Task Acquire_OfATenantThatIsKnown_AllocatesALeaseAndLittleElse()
    {
        Tenant tenant = Clinic(new TenantLimits { TokensPerMinute = 1_000_000, RequestsPerMinute = 100_000, ConcurrentSequences = 10 });
        (await LeaseAsync(tenant)).Complete(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            (await _limiter.AcquireAsync(tenant, new TenantDemand("med", "entities", 1, 10))).TryGet(out TenantLease? lease, out _);
            lease!.Complete(3);
        }

        // The lease itself has about 100 bytes.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 1000, 0, 200);
    }

    private static Tenant Clinic(TenantLimits limits) => new(TenantId.Parse("clinic"), limits, true, DateTimeOffset.UnixEpoch);

    private async Task<TenantLease> LeaseAsync(Tenant tenant, int answers = 1, long tokens = 1)
    {
        Assert.True((await _limiter.AcquireAsync(tenant, new TenantDemand("med", "entities", answers, tokens))).TryGet(out TenantLease? lease, out GridError? error), error?.Message);
        return lease;
    }

    private async Task<GridError> RefusedAsync(Tenant tenant, int answers = 1, long tokens = 1)
    {
        Assert.False((await _limiter.AcquireAsync(tenant, new TenantDemand("med", "entities", answers, tokens))).TryGet(out _, out GridError? error));
        return error;
    }
}
