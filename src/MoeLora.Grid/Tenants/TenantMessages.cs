using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Tenants;

namespace MoeLora.Grid.Tenants;

/// <summary>A request that asks for a tenant's room, and the limits that the tenant has now.</summary>
[GenerateSerializer, Immutable, Alias("moelora.tenant-demand")]
public sealed record TenantDemandMessage
{
    /// <summary>Names the lease.</summary>
    [Id(0)]
    public required Guid Lease { get; init; }

    /// <summary>The silo that will hold it, as the key of its grain.</summary>
    [Id(1)]
    public required string Silo { get; init; }

    /// <summary>Answers at once.</summary>
    [Id(2)]
    public required int Answers { get; init; }

    /// <summary>Tokens that it may use.</summary>
    [Id(3)]
    public required long Tokens { get; init; }

    /// <summary>Most requests in a minute; null for any number.</summary>
    [Id(4)]
    public int? RequestsPerMinute { get; init; }

    /// <summary>Most tokens in a minute; null for any number.</summary>
    [Id(5)]
    public int? TokensPerMinute { get; init; }

    /// <summary>Most answers at once; null for any number.</summary>
    [Id(6)]
    public int? ConcurrentSequences { get; init; }

    /// <inheritdoc cref="TenantDemand.Continues"/>
    [Id(7)]
    public bool Continues { get; init; }

    internal static TenantDemandMessage Of(Tenant tenant, TenantDemand demand, string silo) => new()
    {
        Lease = Guid.NewGuid(),
        Silo = silo,
        Answers = demand.Answers,
        Tokens = demand.Tokens,
        RequestsPerMinute = tenant.Limits.RequestsPerMinute,
        TokensPerMinute = tenant.Limits.TokensPerMinute,
        ConcurrentSequences = tenant.Limits.ConcurrentSequences,
        Continues = demand.Continues,
    };

    /// <summary>The tenant as far as counting needs it: whether it may ask the task was decided where the request is.</summary>
    internal Tenant ToTenant(TenantId id) => new(
        id, new TenantLimits { RequestsPerMinute = RequestsPerMinute, TokensPerMinute = TokensPerMinute, ConcurrentSequences = ConcurrentSequences }, true, DateTimeOffset.UnixEpoch);

    internal TenantDemand ToDemand() => new(null, "", Answers, Tokens) { Continues = Continues };
}

/// <summary>Whether a request has room, and what is left of the tenant's limits.</summary>
/// <param name="Error">Why it has none; null when it has.</param>
/// <param name="Budget">What is left; null without limits.</param>
[GenerateSerializer, Immutable, Alias("moelora.tenant-reply")]
public sealed record TenantReply([property: Id(0)] ErrorMessage? Error, [property: Id(1)] BudgetMessage? Budget);

/// <summary>The end of a lease.</summary>
/// <param name="Lease">Which.</param>
/// <param name="UsedTokens">What it used; null for all that it reserved.</param>
/// <param name="Counts">Whether it counts as a request.</param>
[GenerateSerializer, Immutable, Alias("moelora.tenant-end")]
public sealed record LeaseEndMessage([property: Id(0)] Guid Lease, [property: Id(1)] long? UsedTokens, [property: Id(2)] bool Counts);

/// <summary>What a silo holds of a tenant's room: for a tenant's grain that has just moved there from a silo that died.</summary>
/// <param name="Leases">What runs there.</param>
/// <param name="Requests">Requests in the last minute, those that run included.</param>
/// <param name="Tokens">Tokens in the last minute, those that leases reserved included.</param>
[GenerateSerializer, Immutable, Alias("moelora.tenant-held")]
public sealed record TenantHeldMessage([property: Id(0)] TenantDemandMessage[] Leases, [property: Id(1)] long Requests, [property: Id(2)] long Tokens);

/// <summary>What is left of a tenant's limits; see <see cref="TenantBudget"/>.</summary>
[GenerateSerializer, Immutable, Alias("moelora.tenant-budget")]
public sealed record BudgetMessage([property: Id(0)] BudgetLineMessage? Requests, [property: Id(1)] BudgetLineMessage? Tokens)
{
    internal static BudgetMessage? Of(TenantBudget? budget) => budget is null ? null : new BudgetMessage(BudgetLineMessage.Of(budget.Requests), BudgetLineMessage.Of(budget.Tokens));

    internal TenantBudget ToBudget() => new(Requests?.ToLine(), Tokens?.ToLine());
}

/// <summary>One limit; see <see cref="BudgetLine"/>.</summary>
[GenerateSerializer, Immutable, Alias("moelora.tenant-budget-line")]
public sealed record BudgetLineMessage([property: Id(0)] long Limit, [property: Id(1)] long Remaining, [property: Id(2)] TimeSpan Reset)
{
    internal static BudgetLineMessage? Of(BudgetLine? line) => line is null ? null : new BudgetLineMessage(line.Limit, line.Remaining, line.Reset);

    internal BudgetLine ToLine() => new(Limit, Remaining, Reset);
}
