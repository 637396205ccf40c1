using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Nodes;

/// <summary>The tenants of a node as admission needs them: their limits as they are now, and the room that is left.</summary>
/// <param name="directory">Who there is.</param>
/// <param name="limiter">What is left.</param>
internal sealed class NodeTenants(ITenantDirectory directory, ITenantLimiter limiter)
{
    // The process itself, where it serves without keys, is nobody's tenant.
    private static readonly Tenant Local = new(TenantId.Local, TenantLimits.None, true, DateTimeOffset.UnixEpoch);

    public ITenantLimiter Limiter => limiter;

    /// <summary>Room for a request, or why there is none.</summary>
    public async ValueTask<GridResult<TenantLease>> AcquireAsync(TenantId tenant, TenantDemand demand, CancellationToken cancellation)
    {
        Tenant? known = Local;
        if (tenant != TenantId.Local && !(await directory.FindTenantAsync(tenant, cancellation)).TryGet(out known, out GridError? error))
            return error.Kind == GridErrorKind.NotFound ? new GridError(GridErrorKind.Forbidden, $"There is no tenant '{tenant}' any more.") : error;
        return await limiter.AcquireAsync(known, demand, cancellation);
    }
}
