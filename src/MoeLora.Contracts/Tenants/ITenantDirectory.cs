namespace MoeLora.Contracts.Tenants;

/// <summary>The tenants of a grid, their limits and their keys. Safe for any number of callers at once.</summary>
public interface ITenantDirectory
{
    /// <summary>Who a key belongs to.</summary>
    /// <param name="secret">The key as it was sent. No key holds a full stop: what holds two is taken for a JSON Web Token before it comes here.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The caller, or <see cref="GridErrorKind.Unauthenticated"/>: the same for an unknown, expired and revoked key and a disabled tenant.</returns>
    ValueTask<GridResult<Caller>> AuthenticateAsync(string secret, CancellationToken cancellation = default);

    /// <summary>All tenants by name.</summary>
    ValueTask<GridResult<IReadOnlyList<Tenant>>> ListTenantsAsync(CancellationToken cancellation = default);

    /// <summary>One tenant, or <see cref="GridErrorKind.NotFound"/>.</summary>
    ValueTask<GridResult<Tenant>> FindTenantAsync(TenantId tenant, CancellationToken cancellation = default);

    /// <summary>Makes a tenant or changes it. Changed limits hold from the next request on.</summary>
    ValueTask<GridResult<Tenant>> PutTenantAsync(TenantId tenant, TenantLimits limits, bool enabled, Caller by, CancellationToken cancellation = default);

    /// <summary>A tenant's keys, newest first, those that ended too.</summary>
    ValueTask<GridResult<IReadOnlyList<ApiKey>>> ListKeysAsync(TenantId tenant, CancellationToken cancellation = default);

    /// <summary>Makes a key. Its secret is in the result and nowhere else.</summary>
    ValueTask<GridResult<NewApiKey>> CreateKeyAsync(TenantId tenant, string label, Roles roles, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default);

    /// <summary>Takes a key back after <paramref name="grace"/>; its successor has the same tenant, label and roles.</summary>
    ValueTask<GridResult<NewApiKey>> RotateKeyAsync(string keyId, TimeSpan grace, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default);

    /// <summary>Takes a key back at once.</summary>
    ValueTask<GridResult<ApiKey>> RevokeKeyAsync(string keyId, Caller by, CancellationToken cancellation = default);
}
