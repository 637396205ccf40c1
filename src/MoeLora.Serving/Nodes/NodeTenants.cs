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

    /// <summary>The tenant with its limits.</summary>
    public async ValueTask<GridResult<Tenant>> FindAsync(TenantId id, CancellationToken cancellation)
    {
        if (id == TenantId.Local)
            return GridResult<Tenant>.Success(Local);
        GridResult<Tenant> found = await directory.FindTenantAsync(id, cancellation);
        return found.TryGet(out _, out GridError? error) || error.Kind != GridErrorKind.NotFound
            ? found
            : new GridError(GridErrorKind.Forbidden, $"There is no tenant '{id}' any more.");
    }
}
