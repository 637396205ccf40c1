using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Tenants;

/// <summary>
/// Tenants and keys in the node's database. Keys are kept as hashes and found by their id. Every change is in the audit trail, durably, before it is
/// committed; a change that cannot be recorded does not happen.
/// </summary>
public sealed class TenantDirectory : ITenantDirectory, IDisposable
{
    /// <summary>The tenant of the first key.</summary>
    public static readonly TenantId FirstTenant = TenantId.Parse("admin");

    private const int MostCached = 10_000;
    private static readonly byte[] NoHash = new byte[SHA256.HashSizeInBytes];

    // One answer for all: who tries keys learns nothing.
    private static readonly GridError NotProven = new(GridErrorKind.Unauthenticated, "No valid API key was sent: it is wrong, expired or revoked.");

    private readonly DbContextOptions<TenancyContext> _options;
    private readonly StateDatabase _database;
    private readonly TenancyStore _store;
    private readonly bool _adminsFromIssuer;
    private readonly TimeProvider _time;
    private readonly FreshCache<KnownKey> _keys;
    private readonly FreshCache<Tenant> _tenants;

    /// <summary>Uses a database; <see cref="MigrateAsync"/> comes before anything else.</summary>
    /// <param name="database">Not disposed.</param>
    /// <param name="trail">Where changes are recorded.</param>
    /// <param name="options">How.</param>
    public TenantDirectory(StateDatabase database, IAuditTrail trail, TenantDirectoryOptions options)
    {
        if (options.CacheLifetime <= TimeSpan.Zero || options.CacheLifetime > TimeSpan.FromMinutes(1))
            throw new ArgumentException("The lifetime of cached keys must be above zero and at most a minute.", nameof(options));
        (_database, _time, _adminsFromIssuer) = (database, options.Time, options.AdminsFromIssuer);
        _options = database.Options<TenancyContext>(TenancyContext.HistoryTable);
        _keys = new FreshCache<KnownKey>(LoadKeyAsync, options.CacheLifetime, options.Time, MostCached);
        _tenants = new FreshCache<Tenant>(LoadTenantAsync, options.CacheLifetime, options.Time, MostCached);
        _store = new TenancyStore(_options, trail, () =>
        {
            _keys.Clear();
            _tenants.Clear();
        });
    }

    /// <summary>Makes the tables or brings them up to date.</summary>
    /// <exception cref="InvalidOperationException">The database is not usable, or holds a tenant of the name of the process itself.</exception>
    public async Task MigrateAsync(CancellationToken cancellation = default)
    {
        await using var context = new TenancyContext(_options);
        await _database.MigrateAsync(context, cancellation);
        string local = TenantId.Local.Text;
        if (await context.Tenants.AnyAsync(row => row.Id == local, cancellation))
        {
            throw new InvalidOperationException(
                $"The directory holds a tenant '{local}'. That name is the process itself, which has no limits, so no tenant may have it. Rename it in the columns " +
                "tenancy_tenants.id and tenancy_keys.tenant of the database.");
        }
    }

    /// <summary>
    /// Where there is no tenant at all, makes the tenant <c>admin</c> and a key with the roles admin and operator for it. To be shown once by
    /// whoever starts the node for the first time.
    /// </summary>
    /// <returns>The key, or <see cref="GridErrorKind.Conflict"/> where there are tenants.</returns>
    public async ValueTask<GridResult<NewApiKey>> CreateFirstKeyAsync(CancellationToken cancellation = default)
    {
        GridResult<NewApiKey> result = await _store.ChangeAsync<NewApiKey>(new Caller(TenantId.Local, "first-start", Roles.Admin), async context =>
        {
            if (await context.Tenants.AnyAsync(cancellation))
                return new GridError(GridErrorKind.Conflict, "There are tenants already; a further key is made by an administrator.");
            DateTimeOffset now = _time.GetUtcNow();
            context.Tenants.Add(new TenantRow { Id = FirstTenant.Text, Enabled = true, Created = now, Weight = 1 });
            NewApiKey key = AddKey(context, FirstTenant.Text, "first key", Roles.Admin | Roles.Operator, null);
            return new TenancyChange<NewApiKey>(key, "create_first_key", Describe(key.Key));
        }, cancellation);
        return result;
    }

    /// <summary>
    /// Makes a new key with the roles admin and operator for the tenant <c>admin</c>, which is made or enabled where need be: for whoever has the machine but no
    /// key any more. Its caller must own the state directory; the node is stopped, because only one process opens it.
    /// </summary>
    public ValueTask<GridResult<NewApiKey>> RecoverAdminKeyAsync(CancellationToken cancellation = default) =>
        _store.ChangeAsync<NewApiKey>(new Caller(TenantId.Local, "recovery", Roles.Admin), async context =>
        {
            TenantRow? row = await context.Tenants.SingleOrDefaultAsync(row => row.Id == FirstTenant.Text, cancellation);
            row ??= context.Tenants.Add(new TenantRow { Id = FirstTenant.Text, Created = _time.GetUtcNow(), Weight = 1 }).Entity;
            row.Enabled = true;
            NewApiKey key = AddKey(context, FirstTenant.Text, "recovered key", Roles.Admin | Roles.Operator, null);
            return new TenancyChange<NewApiKey>(key, "recover_admin_key", Describe(key.Key));
        }, cancellation);

    /// <inheritdoc/>
    public ValueTask<GridResult<Caller>> AuthenticateAsync(string secret, CancellationToken cancellation = default)
    {
        if (!ApiKeyText.TryReadId(secret, out ReadOnlySpan<char> id))
            return ValueTask.FromResult<GridResult<Caller>>(NotProven);
        return _keys.TryGet(id, out KnownKey? key)
            ? ValueTask.FromResult(Prove(secret, key))
            : AuthenticateSlowlyAsync(id.ToString(), secret, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<Tenant>>> ListTenantsAsync(CancellationToken cancellation = default) =>
        await _store.ReadAsync<IReadOnlyList<Tenant>>(async context =>
        {
            TenantRow[] rows = await context.Tenants.AsNoTracking().ToArrayAsync(cancellation);
            return GridResult<IReadOnlyList<Tenant>>.Success([.. rows.Select(Rows.Read).OrderBy(tenant => tenant.Id.Text, StringComparer.Ordinal)]);
        });

    /// <inheritdoc/>
    public ValueTask<GridResult<Tenant>> FindTenantAsync(TenantId tenant, CancellationToken cancellation = default)
    {
        return _tenants.TryGet(tenant.Text, out Tenant? known) ? ValueTask.FromResult(Found(known)) : SlowlyAsync();

        async ValueTask<GridResult<Tenant>> SlowlyAsync()
        {
            try
            {
                return Found(await _tenants.GetAsync(tenant.Text, cancellation));
            }
            catch (Exception e) when (StateDatabase.IsOutage(e))
            {
                return TenancyStore.Outage;
            }
        }

        GridResult<Tenant> Found(Tenant? found) => found is null ? NoTenant(tenant) : GridResult<Tenant>.Success(found);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<Tenant>> PutTenantAsync(TenantId tenant, TenantLimits limits, bool enabled, Caller by, CancellationToken cancellation = default)
    {
        if (tenant == TenantId.Local)
            return new GridError(GridErrorKind.InvalidRequest, $"'{tenant}' is the process itself and has no limits; give the tenant another name.", "tenant");
        if (limits.FindProblems() is { Count: > 0 } problems)
            return new GridError(GridErrorKind.InvalidRequest, string.Join(' ', problems));
        return await _store.ChangeAsync<Tenant>(by, async context =>
        {
            TenantRow? row = await context.Tenants.SingleOrDefaultAsync(row => row.Id == tenant.Text, cancellation);
            bool isNew = row is null;
            if (!enabled && await FindLockoutAsync(context, key => key.Tenant == tenant.Text, cancellation) is { } lockout)
                return lockout;
            row ??= context.Tenants.Add(new TenantRow { Id = tenant.Text, Created = _time.GetUtcNow() }).Entity;
            Rows.Write(row, limits, enabled);
            return new TenancyChange<Tenant>(Rows.Read(row), isNew ? "create_tenant" : "change_tenant", Describe(tenant, limits, enabled));
        }, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<ApiKey>>> ListKeysAsync(TenantId tenant, CancellationToken cancellation = default) =>
        await _store.ReadAsync<IReadOnlyList<ApiKey>>(async context =>
        {
            string id = tenant.Text;
            if (!await context.Tenants.AnyAsync(row => row.Id == id, cancellation))
                return NoTenant(tenant);
            KeyRow[] rows = await context.Keys.AsNoTracking().Where(row => row.Tenant == id).ToArrayAsync(cancellation);
            return GridResult<IReadOnlyList<ApiKey>>.Success(
                [.. rows.Select(Rows.Read).OrderByDescending(key => key.Created).ThenBy(key => key.Id, StringComparer.Ordinal)]);
        });

    /// <inheritdoc/>
    public async ValueTask<GridResult<NewApiKey>> CreateKeyAsync(
        TenantId tenant, string label, Roles roles, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        if (KeyRules.FindProblems(label, roles, expires, _time.GetUtcNow()) is { } problem)
            return problem;
        return await _store.ChangeAsync<NewApiKey>(by, async context =>
        {
            if (!await context.Tenants.AnyAsync(row => row.Id == tenant.Text, cancellation))
                return NoTenant(tenant);
            NewApiKey key = AddKey(context, tenant.Text, label, roles, expires);
            return new TenancyChange<NewApiKey>(key, "create_key", Describe(key.Key));
        }, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<NewApiKey>> RotateKeyAsync(
        string keyId, TimeSpan grace, DateTimeOffset? expires, Caller by, CancellationToken cancellation = default)
    {
        if (KeyRules.FindProblems(grace, expires, _time.GetUtcNow()) is { } problem)
            return problem;
        return await _store.ChangeAsync<NewApiKey>(by, async context =>
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (await context.Keys.SingleOrDefaultAsync(row => row.Id == keyId, cancellation) is not { } old)
                return NoKey;
            if (old.Revoked is not null)
                return new GridError(GridErrorKind.Conflict, $"Key '{keyId}' was taken back or rotated already.");
            if (old.Expires <= now)
                return new GridError(GridErrorKind.Conflict, $"Key '{keyId}' has expired; make a new one.");
            if (grace == TimeSpan.Zero && await FindLockoutAsync(context, key => key.Id == keyId, cancellation) is { } lockout)
                return lockout;
            old.Revoked = now + grace;
            NewApiKey key = AddKey(context, old.Tenant, old.Label, (Roles)old.Roles, expires);
            return new TenancyChange<NewApiKey>(key, "rotate_key", $"{keyId} until {Rows.Text(old.Revoked)}, then {Describe(key.Key)}");
        }, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<ApiKey>> RevokeKeyAsync(string keyId, Caller by, CancellationToken cancellation = default) =>
        await _store.ChangeAsync<ApiKey>(by, async context =>
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (await context.Keys.SingleOrDefaultAsync(row => row.Id == keyId, cancellation) is not { } row)
                return NoKey;
            if (await FindLockoutAsync(context, key => key.Id == keyId, cancellation) is { } lockout)
                return lockout;
            if (row.Revoked is null || row.Revoked > now)
                row.Revoked = now; // a second time changes nothing, and is recorded
            return new TenancyChange<ApiKey>(Rows.Read(row), "revoke_key", $"{row.Id} tenant={row.Tenant}");
        }, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _store.Dispose();

    private static GridError NoKey { get; } = new(GridErrorKind.NotFound, "There is no such key.");

    private static GridError NoTenant(TenantId tenant) => new(GridErrorKind.NotFound, $"There is no tenant '{tenant}'.");

    private async ValueTask<GridResult<Caller>> AuthenticateSlowlyAsync(string id, string secret, CancellationToken cancellation)
    {
        try
        {
            return Prove(secret, await _keys.GetAsync(id, cancellation));
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            return TenancyStore.Outage;
        }
    }

    /// <summary>
    /// Why a change must not be made: it would take the last key of an admin that works now. A key that the change itself makes does not count, because nobody is
    /// known to have it yet. Null when a key is left, when none worked before, or when admins come from an issuer of tokens.
    /// </summary>
    private async Task<GridError?> FindLockoutAsync(TenancyContext context, Func<KeyRow, bool> isTaken, CancellationToken cancellation)
    {
        if (_adminsFromIssuer)
            return null;
        KeyRow[] keys = await context.Keys.AsNoTracking().Where(key => (key.Roles & (int)Roles.Admin) != 0)
            .Join(context.Tenants.Where(tenant => tenant.Enabled), key => key.Tenant, tenant => tenant.Id, (key, _) => key)
            .ToArrayAsync(cancellation);
        DateTimeOffset now = _time.GetUtcNow();
        KeyRow[] working = [.. keys.Where(key => !(key.Expires <= now) && !(key.Revoked <= now))];
        return working.Length > 0 && working.All(isTaken)
            ? new GridError(
                GridErrorKind.Conflict, "This would take the last key of an administrator that works, and nobody could make another. Make a second one first; to replace it, rotate it with a time of grace.")
            : null;
    }

    /// <summary>Compares the whole key in a time that does not depend on where it differs, also where there is no key of this id.</summary>
    private GridResult<Caller> Prove(string secret, KnownKey? key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        ApiKeyText.Hash(secret, hash);
        bool isRight = CryptographicOperations.FixedTimeEquals(hash, key?.SecretHash ?? NoHash);
        DateTimeOffset now = _time.GetUtcNow();
        bool isValid = key is { TenantEnabled: true } && !(key.Expires <= now) && !(key.Revoked <= now);
        return isRight && isValid ? GridResult<Caller>.Success(key!.Caller) : NotProven;
    }

    private NewApiKey AddKey(TenancyContext context, string tenant, string label, Roles roles, DateTimeOffset? expires)
    {
        (string id, string text) = ApiKeyText.Create();
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        ApiKeyText.Hash(text, hash);
        KeyRow row = context.Keys.Add(new KeyRow
        {
            Id = id,
            Tenant = tenant,
            Label = label,
            Roles = (int)roles,
            SecretHash = Convert.ToHexStringLower(hash),
            Created = _time.GetUtcNow(),
            Expires = expires?.ToUniversalTime(),
        }).Entity;
        return new NewApiKey(Rows.Read(row), text);
    }

    private async Task<KnownKey?> LoadKeyAsync(string id)
    {
        await using var context = new TenancyContext(_options);
        string local = TenantId.Local.Text; // what another program wrote is still nobody's key
        var row = await context.Keys.AsNoTracking().Where(key => key.Id == id && key.Tenant != local)
            .Join(context.Tenants, key => key.Tenant, tenant => tenant.Id, (key, tenant) => new { Key = key, tenant.Enabled })
            .SingleOrDefaultAsync();
        return row is null ? null : new KnownKey(
            Convert.FromHexString(row.Key.SecretHash), row.Enabled, row.Key.Expires, row.Key.Revoked,
            new Caller(TenantId.Parse(row.Key.Tenant), row.Key.Id, (Roles)row.Key.Roles));
    }

    private async Task<Tenant?> LoadTenantAsync(string id)
    {
        await using var context = new TenancyContext(_options);
        return await context.Tenants.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id) is { } row ? Rows.Read(row) : null;
    }

    private static string Describe(ApiKey key) => $"{key.Id} tenant={key.Tenant} roles={Rows.Text(key.Roles)} expires={Rows.Text(key.Expires)}";

    private static string Describe(TenantId tenant, TenantLimits limits, bool enabled) => FormattableString.Invariant(
        $"{tenant} enabled={(enabled ? "true" : "false")} weight={limits.Weight} requests_per_minute={Number(limits.RequestsPerMinute)} tokens_per_minute={Number(limits.TokensPerMinute)} concurrent_sequences={Number(limits.ConcurrentSequences)} allowed_tasks={Number(limits.AllowedTasks?.Count)}");

    private static string Number(int? value) => value is { } number ? FormattableString.Invariant($"{number}") : "any";

    /// <summary>What a cached key is known by.</summary>
    private sealed record KnownKey(byte[] SecretHash, bool TenantEnabled, DateTimeOffset? Expires, DateTimeOffset? Revoked, Caller Caller);
}
