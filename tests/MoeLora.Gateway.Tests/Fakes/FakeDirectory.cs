using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Tests.Fakes;

/// <summary>Tenants and keys in memory. A key's secret says what it is: <c>inference</c>, <c>operator</c>, <c>admin</c>, <c>all</c>; <c>expired</c> is none.</summary>
internal sealed class FakeDirectory : ITenantDirectory
{
    public const Roles All = Roles.Inference | Roles.Operator | Roles.Admin;

    public static readonly TenantId Ward = TenantId.Parse("ward-7");

    public Dictionary<string, Caller> Keys { get; } = new()
    {
        ["inference"] = new Caller(Ward, "key-inference", Roles.Inference),
        ["operator"] = new Caller(Ward, "key-operator", Roles.Operator),
        ["admin"] = new Caller(Ward, "key-admin", Roles.Admin),
        ["all"] = new Caller(Ward, "key-all", All),
    };

    public Dictionary<TenantId, Tenant> Tenants { get; } = new()
    {
        [Ward] = new Tenant(Ward, new TenantLimits { AllowedTasks = ["triage/*"], RequestsPerMinute = 60 }, true, DateTimeOffset.UnixEpoch),
    };

    /// <summary>What changes were asked for, with who asked.</summary>
    public List<(string What, string By)> Changes { get; } = [];

    public GridError? Refusal { get; set; }

    public ValueTask<GridResult<Caller>> AuthenticateAsync(string secret, CancellationToken cancellation = default) =>
        new(Refusal is not null ? Refusal
            : Keys.TryGetValue(secret, out Caller? caller) ? GridResult<Caller>.Success(caller)
            : new GridError(GridErrorKind.Unauthenticated, "The key is not valid."));

    public ValueTask<GridResult<IReadOnlyList<Tenant>>> ListTenantsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<Tenant>>.Success([.. Tenants.Values]));

    public ValueTask<GridResult<Tenant>> FindTenantAsync(TenantId tenant, CancellationToken cancellation = default) =>
        new(Tenants.TryGetValue(tenant, out Tenant? found) ? GridResult<Tenant>.Success(found) : new GridError(GridErrorKind.NotFound, "There is no such tenant."));

    public ValueTask<GridResult<Tenant>> PutTenantAsync(TenantId tenant, TenantLimits limits, bool enabled, Caller by, CancellationToken cancellation = default)
    {
        Changes.Add(($"put {tenant}", by.Subject));
        Tenants[tenant] = new Tenant(tenant, limits, enabled, DateTimeOffset.UnixEpoch);
        return new(GridResult<Tenant>.Success(Tenants[tenant]));
    }

    public ValueTask<GridResult<IReadOnlyList<ApiKey>>> ListKeysAsync(TenantId tenant, CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<ApiKey>>.Success([Key("k1", tenant, "front desk", Roles.Inference, null)]));

    public ValueTask<GridResult<NewApiKey>> CreateKeyAsync(TenantId tenant, string label, Roles roles, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        Changes.Add(($"create {tenant} {label} {roles}", by.Subject));
        return new(GridResult<NewApiKey>.Success(new NewApiKey(Key("k2", tenant, label, roles, expires), "secret-2")));
    }

    public ValueTask<GridResult<NewApiKey>> RotateKeyAsync(string keyId, TimeSpan grace, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        Changes.Add(($"rotate {keyId} {grace.TotalSeconds}", by.Subject));
        return new(GridResult<NewApiKey>.Success(new NewApiKey(Key("k3", Ward, "front desk", Roles.Inference, expires), "secret-3")));
    }

    public ValueTask<GridResult<ApiKey>> RevokeKeyAsync(string keyId, Caller by, CancellationToken cancellation = default)
    {
        Changes.Add(($"revoke {keyId}", by.Subject));
        return new(keyId == "k1" ? GridResult<ApiKey>.Success(Key("k1", Ward, "front desk", Roles.Inference, null)) : new GridError(GridErrorKind.NotFound, "There is no such key."));
    }

    private static ApiKey Key(string id, TenantId tenant, string label, Roles roles, DateTimeOffset? expires) =>
        new(id, tenant, label, roles, DateTimeOffset.UnixEpoch, expires, null);
}
