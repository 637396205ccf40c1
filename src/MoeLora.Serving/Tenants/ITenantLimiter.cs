using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Tenants;

/// <summary>Keeps tenants within their limits. Safe for any number of callers at once.</summary>
public interface ITenantLimiter
{
    /// <summary>
    /// Admits a request, or says why not and when it may be tried again. What is admitted counts at once with the most that it may use; what
    /// is refused counts as nothing.
    /// </summary>
    /// <param name="tenant">The tenant as it is now: its limits hold from this request on.</param>
    /// <param name="demand">What the request may use.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>
    /// A lease to be ended exactly once; or <see cref="GridErrorKind.Forbidden"/> (the task is not the tenant's, or the tenant is disabled),
    /// <see cref="GridErrorKind.InvalidRequest"/> (it is more than the tenant may ever use at once), <see cref="GridErrorKind.RateLimited"/>.
    /// <see cref="GridError.RetryAfter"/> suffices if nobody else of the tenant takes the room meanwhile; it is null where room comes only with
    /// the end of a running answer.
    /// </returns>
    ValueTask<GridResult<TenantLease>> AcquireAsync(Tenant tenant, TenantDemand demand, CancellationToken cancellation = default);

    /// <summary>
    /// Why a request would be refused now; null when it may be admitted. Admits and counts nothing: it keeps a request that has no chance from costing more.
    /// </summary>
    /// <param name="tenant">The tenant as it is now.</param>
    /// <param name="demand">What the request uses at least. The error's <see cref="GridError.RetryAfter"/> is exact for no more than that.</param>
    GridError? FindRefusal(Tenant tenant, TenantDemand demand);

    /// <summary>What tenants use now, by name; those that used nothing within the last minute are left out.</summary>
    IReadOnlyList<TenantUsage> DescribeUsage();
}

/// <summary>What a request may use.</summary>
/// <param name="Bank">The bank that its task was resolved to; null where no bundle is served.</param>
/// <param name="Task">The task's name, or its id where it has none.</param>
/// <param name="Answers">Answers at once, at least 1.</param>
/// <param name="Tokens">The prompt's, and the most tokens of all answers together.</param>
public readonly record struct TenantDemand(string? Bank, string Task, int Answers, long Tokens)
{
    /// <summary>
    /// Whether the answers were admitted before and go on here because where they ran was lost. They have their room: they are counted, with what is left of them and not as
    /// another request, and refused only where the tenant may not ask the task.
    /// </summary>
    public bool Continues { get; init; }
}

/// <summary>
/// A tenant's room for one request. It ends once: with <see cref="Complete"/>, with <see cref="Cancel"/>, or, where an answer crashed
/// before anybody knew what it used, with <see cref="Dispose"/>, which counts all that was reserved. Later calls do nothing.
/// </summary>
public abstract class TenantLease : IDisposable
{
    private int _ended;

    /// <summary>Begins.</summary>
    /// <param name="weight">See <see cref="Weight"/>.</param>
    protected TenantLease(double weight) => Weight = weight;

    /// <summary>The tenant's share of a busy grid against others', for the engine's scheduler.</summary>
    public double Weight { get; }

    /// <summary>The request ended: what it did not use of its tokens is given back.</summary>
    /// <param name="usedTokens">Tokens read and generated.</param>
    public void Complete(long usedTokens)
    {
        if (TryEnd())
            End(usedTokens, counts: true);
    }

    /// <summary>The request was refused after all: it counts as nothing.</summary>
    public void Cancel()
    {
        if (TryEnd())
            End(0, counts: false);
    }

    /// <summary>The request ended, and nobody knows what it used.</summary>
    public void Dispose()
    {
        if (TryEnd())
            End(null, counts: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back the room; called once.</summary>
    /// <param name="usedTokens">What was used; null for all that was reserved.</param>
    /// <param name="counts">Whether it counts as a request.</param>
    protected abstract void End(long? usedTokens, bool counts);

    private bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;
}
