using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>Tenants and keys in memory. A key that opens the page is named after its roles: <c>all</c>, <c>operator</c>, <c>admin</c>, <c>inference</c>, <c>none</c>.</summary>
internal sealed class FakeDirectory : ITenantDirectory
{
    public static readonly TenantId Ward = TenantId.Parse("ward-7");

    public static readonly TenantId Radiology = TenantId.Parse("radiology");

    private static readonly TenantId Office = TenantId.Parse("patient-office");

    private static readonly Dictionary<string, Roles> Secrets = new()
    {
        ["all"] = Roles.Inference | Roles.Operator | Roles.Admin,
        ["operator"] = Roles.Operator,
        ["admin"] = Roles.Admin,
        ["inference"] = Roles.Inference,
        ["none"] = Roles.None,
    };

    private readonly List<ApiKey> _keys =
    [
        new("7c1e", Ward, "front desk", Roles.Inference, DateTimeOffset.UtcNow - TimeSpan.FromDays(40), null, null),
        new("55b0", Ward, "night shift", Roles.Inference | Roles.Operator, DateTimeOffset.UtcNow - TimeSpan.FromDays(3), DateTimeOffset.UtcNow + TimeSpan.FromDays(87), null),
    ];

    public Dictionary<TenantId, Tenant> Tenants { get; } = new()
    {
        [Ward] = new Tenant(Ward, new TenantLimits { AllowedTasks = ["triage/*"], TokensPerMinute = 60_000, RequestsPerMinute = 60, ConcurrentSequences = 8 }, true, DateTimeOffset.UnixEpoch),
        [Radiology] = new Tenant(Radiology, new TenantLimits { Weight = 2 }, true, DateTimeOffset.UnixEpoch),
        [Office] = new Tenant(Office, new TenantLimits { AllowedTasks = ["billing/*", "letters/report summary"], TokensPerMinute = 50_000, RequestsPerMinute = 240 }, true, DateTimeOffset.UnixEpoch),
    };

    public IReadOnlyList<ApiKey> Keys => _keys;

    /// <summary>Whether no key is taken any more.</summary>
    public bool RefusesAll { get; set; }

    public ValueTask<GridResult<Caller>> AuthenticateAsync(string secret, CancellationToken cancellation = default) =>
        new(!RefusesAll && Secrets.TryGetValue(secret, out Roles roles) ? GridResult<Caller>.Success(new Caller(Ward, $"key-{secret}", roles)) : new GridError(GridErrorKind.Unauthenticated, "The key is not valid."));

    public ValueTask<GridResult<IReadOnlyList<Tenant>>> ListTenantsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<Tenant>>.Success([.. Tenants.Values]));

    public ValueTask<GridResult<Tenant>> FindTenantAsync(TenantId tenant, CancellationToken cancellation = default) =>
        new(Tenants.TryGetValue(tenant, out Tenant? found) ? GridResult<Tenant>.Success(found) : new GridError(GridErrorKind.NotFound, "There is no such tenant."));

    public ValueTask<GridResult<Tenant>> PutTenantAsync(TenantId tenant, TenantLimits limits, bool enabled, Caller by, CancellationToken cancellation = default)
    {
        Tenants[tenant] = new Tenant(tenant, limits, enabled, DateTimeOffset.UnixEpoch);
        return new(GridResult<Tenant>.Success(Tenants[tenant]));
    }

    public ValueTask<GridResult<IReadOnlyList<ApiKey>>> ListKeysAsync(TenantId tenant, CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<ApiKey>>.Success([.. _keys.Where(key => key.Tenant == tenant)]));

    public ValueTask<GridResult<NewApiKey>> CreateKeyAsync(TenantId tenant, string label, Roles roles, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        var key = new ApiKey($"k{_keys.Count}", tenant, label, roles, DateTimeOffset.UtcNow, expires, null);
        _keys.Insert(0, key);
        return new(GridResult<NewApiKey>.Success(new NewApiKey(key, $"secret-of-{label}")));
    }

    public ValueTask<GridResult<NewApiKey>> RotateKeyAsync(string keyId, TimeSpan grace, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        int at = _keys.FindIndex(key => key.Id == keyId);
        _keys[at] = _keys[at] with { Revoked = DateTimeOffset.UtcNow + grace };
        return CreateKeyAsync(_keys[at].Tenant, _keys[at].Label, _keys[at].Roles, expires, by, cancellation);
    }

    public ValueTask<GridResult<ApiKey>> RevokeKeyAsync(string keyId, Caller by, CancellationToken cancellation = default)
    {
        int at = _keys.FindIndex(key => key.Id == keyId);
        _keys[at] = _keys[at] with { Revoked = DateTimeOffset.UtcNow };
        return new(GridResult<ApiKey>.Success(_keys[at]));
    }
}
