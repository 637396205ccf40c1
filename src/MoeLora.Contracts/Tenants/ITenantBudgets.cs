namespace MoeLora.Contracts.Tenants;

/// <summary>Tells what is left of tenants' limits, without waiting: callers read it with every answer.</summary>
public interface ITenantBudgets
{
    /// <summary>What is left now; null for a tenant without such limits, or one that nobody knows.</summary>
    TenantBudget? Describe(TenantId tenant);
}

/// <summary>What is left of a tenant's limits. Null where there is no such limit.</summary>
/// <param name="Requests">Of the requests in a minute.</param>
/// <param name="Tokens">Of the tokens in a minute.</param>
public sealed record TenantBudget(BudgetLine? Requests, BudgetLine? Tokens);

/// <summary>One limit.</summary>
/// <param name="Limit">How much it allows in a minute.</param>
/// <param name="Remaining">What is left of it; at least 0.</param>
/// <param name="Reset">When all of it is there again.</param>
public sealed record BudgetLine(long Limit, long Remaining, TimeSpan Reset);
