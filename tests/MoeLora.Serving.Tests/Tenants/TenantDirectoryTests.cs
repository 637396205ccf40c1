using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Serving.Tests.Auditing;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Tenants;

public sealed class TenantDirectoryTests : IDisposable
{
    private static readonly Caller Admin = new(TenantId.Local, "root", Roles.Admin);
    private static readonly TenantId Clinic = TenantId.Parse("clinic");
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly TemporaryDirectory _folder = new();
    private readonly ManualTime _time = new();
    private readonly MemoryTrail _trail = new();
    private readonly List<IDisposable> _owned = [];

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Tenant_Put_IsFoundListedAndKept(DatabaseKind kind)
    {
        var database = new TestDatabase(kind, _folder.Path);
        var limits = new TenantLimits { AllowedTasks = ["med/*", "lab/blood,\"x\""], TokensPerMinute = 100, RequestsPerMinute = 5, ConcurrentSequences = 2, Weight = 1.5 };
        using (StateDatabase state = database.Open())
        {
            TenantDirectory directory = await DirectoryAsync(state);
            Tenant made = Value(await directory.PutTenantAsync(Clinic, limits, true, Admin));
            Assert.Equal((Clinic, true, _time.GetUtcNow()), (made.Id, made.Enabled, made.Created));
            Value(await directory.PutTenantAsync(TenantId.Parse("a"), TenantLimits.None, false, Admin));
            AssertSame(limits, Value(await directory.FindTenantAsync(Clinic)).Limits);
        }

        using StateDatabase again = database.Open();
        TenantDirectory reopened = await DirectoryAsync(again);
        IReadOnlyList<Tenant> all = Value(await reopened.ListTenantsAsync());
        Assert.Equal(["a", "clinic"], all.Select(tenant => tenant.Id.Text));
        AssertSame(limits, all[1].Limits);
        AssertSame(TenantLimits.None, all[0].Limits);
        Assert.Equal(GridErrorKind.NotFound, Error(await reopened.FindTenantAsync(TenantId.Parse("nobody"))).Kind);
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Tenant_Changed_HoldsAtOnceAndKeepsItsBeginning(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        DateTimeOffset created = Value(await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin)).Created;
        Value(await directory.FindTenantAsync(Clinic));
        _time.Advance(Hour);
        Value(await directory.PutTenantAsync(Clinic, new TenantLimits { RequestsPerMinute = 7 }, true, Admin));
        Tenant found = Value(await directory.FindTenantAsync(Clinic));
        Assert.Equal((7, created), (found.Limits.RequestsPerMinute, found.Created));
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Key_Created_ProvesItsTenantAndRolesAndIsKeptAsHashOnly(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "ward 3", Roles.Inference | Roles.Operator, _time.GetUtcNow() + Hour, Admin));

        Assert.Equal(new Caller(Clinic, key.Key.Id, Roles.Inference | Roles.Operator), Value(await directory.AuthenticateAsync(key.Secret)));
        Assert.Equal(key.Key, Assert.Single(Value(await directory.ListKeysAsync(Clinic))));
        Assert.DoesNotContain(key.Secret[20..], key.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_trail.Entries, entry => entry.ToString().Contains(key.Secret[20..], StringComparison.Ordinal));
        await using var context = new TenancyContext(state.Options<TenancyContext>(TenancyContext.HistoryTable));
        KeyRow row = await context.Keys.SingleAsync();
        Assert.DoesNotContain(key.Secret[20..], string.Join('|', row.Id, row.Label, row.SecretHash), StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(key.Secret))), row.SecretHash);
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Authenticate_NotAValidKey_IsTheSameAnswerWhyever(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        TenantId disabled = TenantId.Parse("disabled");
        foreach (TenantId tenant in (TenantId[])[Clinic, disabled])
            await directory.PutTenantAsync(tenant, TenantLimits.None, true, Admin);
        string good = await KeyAsync(directory, Clinic);
        string other = await KeyAsync(directory, Clinic);
        NewApiKey expired = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, _time.GetUtcNow() + Hour, Admin));
        NewApiKey revoked = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin));
        string ofDisabled = await KeyAsync(directory, disabled);
        Value(await directory.RevokeKeyAsync(revoked.Key.Id, Admin));
        Value(await directory.PutTenantAsync(disabled, TenantLimits.None, false, Admin));
        _time.Advance(Hour);

        string mistyped = good[..^1] + (good[^1] == 'a' ? 'b' : 'a');
        string unknown = ApiKeyText.Create().Text;
        string[] wrong = ["", "nonsense", mistyped, unknown, WithIdOf(other, unknown), expired.Secret, revoked.Secret, ofDisabled];
        GridError[] errors = [.. await Task.WhenAll(wrong.Select(async key => Error(await directory.AuthenticateAsync(key))))];
        Assert.All(errors, error => Assert.Equal(errors[0], error));
        Assert.Equal(GridErrorKind.Unauthenticated, errors[0].Kind);
        Value(await directory.AuthenticateAsync(good));
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Key_RevokedHere_EndsAtOnceAndElsewhereWithinASecond(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory here = await DirectoryAsync(state);
        TenantDirectory elsewhere = await DirectoryAsync(state);
        await here.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await here.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin));
        Value(await here.AuthenticateAsync(key.Secret));
        Value(await elsewhere.AuthenticateAsync(key.Secret));

        Assert.Equal(_time.GetUtcNow(), Value(await here.RevokeKeyAsync(key.Key.Id, Admin)).Revoked);
        Error(await here.AuthenticateAsync(key.Secret));
        _time.Advance(TimeSpan.FromSeconds(1));
        Error(await elsewhere.AuthenticateAsync(key.Secret));
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Key_Rotated_BothHoldUntilTheGraceIsOver(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey old = Value(await directory.CreateKeyAsync(Clinic, "ward 3", Roles.Operator, null, Admin));
        NewApiKey next = Value(await directory.RotateKeyAsync(old.Key.Id, Hour, null, Admin));
        Assert.Equal(("ward 3", Roles.Operator, Clinic), (next.Key.Label, next.Key.Roles, next.Key.Tenant));
        Assert.Equal(GridErrorKind.Conflict, Error(await directory.RotateKeyAsync(old.Key.Id, Hour, null, Admin)).Kind);

        Value(await directory.AuthenticateAsync(old.Secret));
        _time.Advance(Hour - TimeSpan.FromTicks(1));
        Value(await directory.AuthenticateAsync(old.Secret));
        _time.Advance(TimeSpan.FromTicks(1));
        Error(await directory.AuthenticateAsync(old.Secret));
        Value(await directory.AuthenticateAsync(next.Secret));
    }

    [Fact]
    public async Task Key_Expires_AtThatMomentThoughItIsCached()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, _time.GetUtcNow() + TimeSpan.FromMilliseconds(10), Admin));
        Value(await directory.AuthenticateAsync(key.Secret));
        _time.Advance(TimeSpan.FromMilliseconds(10));
        Error(await directory.AuthenticateAsync(key.Secret));
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task FirstKey_OnlyWhereThereIsNoTenant(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey first = Value(await directory.CreateFirstKeyAsync());
        Assert.Equal(new Caller(TenantDirectory.FirstTenant, first.Key.Id, Roles.Admin | Roles.Operator), Value(await directory.AuthenticateAsync(first.Secret)));
        Assert.Equal(GridErrorKind.Conflict, Error(await directory.CreateFirstKeyAsync()).Kind);
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Change_TrailUnavailable_IsNotMade(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin));

        _trail.Fails = true;
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.PutTenantAsync(Clinic, TenantLimits.None, false, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.RotateKeyAsync(key.Key.Id, Hour, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.RevokeKeyAsync(key.Key.Id, Admin)).Kind);
        _time.Advance(Hour);
        Value(await directory.AuthenticateAsync(key.Secret));
        Assert.Equal(key.Key, Assert.Single(Value(await directory.ListKeysAsync(Clinic))));
    }

    [Fact]
    public async Task Change_IsRecordedWithWhoAndWhat()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, new TenantLimits { RequestsPerMinute = 5 }, true, Admin);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, false, Admin);
        string id = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin)).Key.Id;
        string next = Value(await directory.RotateKeyAsync(id, TimeSpan.Zero, null, Admin)).Key.Id;
        await directory.RevokeKeyAsync(next, Admin);

        Assert.All(_trail.Entries, entry => Assert.Equal((AuditAction.Tenancy, true, TenantId.Local, "root"), (entry.Action, entry.Succeeded, entry.Tenant, entry.Subject)));
        Assert.Equal(["create_tenant", "change_tenant", "create_key", "rotate_key", "revoke_key"], _trail.Entries.Select(entry => entry.Detail));
        Assert.Equal("clinic enabled=true weight=1 requests_per_minute=5 tokens_per_minute=any concurrent_sequences=any allowed_tasks=any", _trail.Entries[0].Target);
        Assert.Equal($"{id} tenant=clinic roles=inference expires=never", _trail.Entries[2].Target);
        Assert.Contains(next, _trail.Entries[3].Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Change_ByAnybodyButAnAdministrator_IsForbidden()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin));
        Caller other = new(Clinic, "k2", Roles.Inference | Roles.Operator);
        Assert.Equal(GridErrorKind.Forbidden, Error(await directory.PutTenantAsync(Clinic, TenantLimits.None, true, other)).Kind);
        Assert.Equal(GridErrorKind.Forbidden, Error(await directory.CreateKeyAsync(Clinic, "k", Roles.Admin, null, other)).Kind);
        Assert.Equal(GridErrorKind.Forbidden, Error(await directory.RotateKeyAsync(key.Key.Id, Hour, null, other)).Kind);
        Assert.Equal(GridErrorKind.Forbidden, Error(await directory.RevokeKeyAsync(key.Key.Id, other)).Kind);
        Assert.Equal(2, _trail.Entries.Count);
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("rotate")]
    [InlineData("disable")]
    public async Task LastAdminKey_CannotBeTakenUnlessAdminsComeFromAnIssuer(string how)
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey first = Value(await directory.CreateFirstKeyAsync());
        Value(await directory.CreateKeyAsync(TenantDirectory.FirstTenant, "asks", Roles.Inference, null, Admin));
        Value(await directory.CreateKeyAsync(TenantDirectory.FirstTenant, "expires", Roles.Admin, _time.GetUtcNow() + Hour, Admin));
        _time.Advance(2 * Hour); // one of the two admins' keys works no more

        GridError? refused = await TakeAsync(directory);
        bool works = (await directory.AuthenticateAsync(first.Secret)).TryGet(out _, out _);
        using var trusting = new TenantDirectory(state, _trail, new TenantDirectoryOptions { Time = _time, AdminsFromIssuer = true });

        Assert.Equal(GridErrorKind.Conflict, refused?.Kind);
        Assert.True(works);
        Assert.Null(await TakeAsync(trusting));

        async Task<GridError?> TakeAsync(TenantDirectory tenants)
        {
            GridError? error;
            switch (how)
            {
                case "revoke": (await tenants.RevokeKeyAsync(first.Key.Id, Admin)).TryGet(out _, out error); break;
                case "rotate": (await tenants.RotateKeyAsync(first.Key.Id, TimeSpan.Zero, null, Admin)).TryGet(out _, out error); break;
                default: (await tenants.PutTenantAsync(TenantDirectory.FirstTenant, TenantLimits.None, false, Admin)).TryGet(out _, out error); break;
            }

            return error;
        }
    }

    [Fact]
    public async Task AdminKey_WhereAnotherWorksOrGraceIsGiven_CanBeTaken()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey first = Value(await directory.CreateFirstKeyAsync());
        NewApiKey second = Value(await directory.RotateKeyAsync(first.Key.Id, Hour, null, Admin));

        Value(await directory.RevokeKeyAsync(first.Key.Id, Admin));

        Assert.Equal(GridErrorKind.Conflict, Error(await directory.RevokeKeyAsync(second.Key.Id, Admin)).Kind);
    }

    [Fact]
    public async Task AdminKey_Recovered_WorksAgainAndIsOnRecord()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        using (var trusting = new TenantDirectory(state, _trail, new TenantDirectoryOptions { Time = _time, AdminsFromIssuer = true }))
        {
            await trusting.MigrateAsync();
            Value(await trusting.CreateFirstKeyAsync());
            Value(await trusting.PutTenantAsync(TenantDirectory.FirstTenant, TenantLimits.None, false, Admin));
        }

        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey key = Value(await directory.RecoverAdminKeyAsync());

        Assert.Equal(new Caller(TenantDirectory.FirstTenant, key.Key.Id, Roles.Admin | Roles.Operator), Value(await directory.AuthenticateAsync(key.Secret)));
        Assert.Equal(("recover_admin_key", TenantId.Local, "recovery"), (_trail.Entries[^1].Detail, _trail.Entries[^1].Tenant, _trail.Entries[^1].Subject));
    }

    [Fact]
    public async Task ProcessItself_IsNobodysTenant()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);

        Assert.False(TenantId.TryParse("local", out _, out string? problem));
        Assert.Contains("the process itself", problem, StringComparison.Ordinal);
        Assert.Equal(TenantId.Local, TenantId.Parse(TenantId.Local.Text));
        Assert.Equal(GridErrorKind.InvalidRequest, Error(await directory.PutTenantAsync(TenantId.Local, TenantLimits.None, true, Admin)).Kind);
        Assert.Equal(GridErrorKind.NotFound, Error(await directory.CreateKeyAsync(TenantId.Local, "k", Roles.Inference, null, Admin)).Kind);
    }

    [Fact]
    public async Task Start_WhereATenantHasTheNameOfTheProcess_IsRefusedAndItsKeysProveNothing()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        string key = await KeyAsync(directory, Clinic);
        await using (var context = new TenancyContext(state.Options<TenancyContext>(TenancyContext.HistoryTable)))
        {
            await context.Database.ExecuteSqlRawAsync("UPDATE tenancy_tenants SET id = 'local'");
            await context.Database.ExecuteSqlRawAsync("UPDATE tenancy_keys SET tenant = 'local'");
        }

        Assert.Equal(GridErrorKind.Unauthenticated, Error(await directory.AuthenticateAsync(key)).Kind);
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => directory.MigrateAsync());
        Assert.Contains("'local'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Change_Wrong_SaysAllThatIs()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        GridError error = Error(await directory.CreateKeyAsync(Clinic, "", Roles.None, _time.GetUtcNow(), Admin));
        Assert.Equal((GridErrorKind.InvalidRequest, "label"), (error.Kind, error.Param));
        Assert.All((string[])["'label'", "'roles'", "'expires'"], name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        Assert.Equal(GridErrorKind.InvalidRequest, Error(await directory.PutTenantAsync(Clinic, new TenantLimits { Weight = 0 }, true, Admin)).Kind);
        Assert.Equal(GridErrorKind.InvalidRequest, Error(await directory.RotateKeyAsync("k", TimeSpan.FromDays(91), null, Admin)).Kind);
        Assert.Equal(GridErrorKind.NotFound, Error(await directory.CreateKeyAsync(TenantId.Parse("nobody"), "k", Roles.Inference, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.NotFound, Error(await directory.RevokeKeyAsync("000000000000", Admin)).Kind);
    }

    [Fact]
    public async Task Authenticate_DatabaseGone_IsUnavailableAndNotUnauthenticated()
    {
        using StateDatabase state = StateDatabase.PostgreSql("Host=/nonexistent;Database=x;Username=x");
        using var directory = new TenantDirectory(state, _trail, new TenantDirectoryOptions { Time = _time });
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.AuthenticateAsync(ApiKeyText.Create().Text)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.FindTenantAsync(Clinic)).Kind);
    }

    [Fact]
    public async Task Authenticate_KnownKey_AllocatesNothing()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        string key = await KeyAsync(directory, Clinic);
        Value(await directory.AuthenticateAsync(key));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            Assert.True(directory.AuthenticateAsync(key).IsCompletedSuccessfully);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Change_AtOnceFromManySides_AllHappen(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        TenantDirectory other = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => KeyAsync(i % 2 == 0 ? directory : other, Clinic))));
        Assert.Equal(20, Value(await directory.ListKeysAsync(Clinic)).Count);
        Assert.Equal(21, _trail.Entries.Count);
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        _folder.Dispose();
    }

    private static string WithIdOf(string id, string secret)
    {
        // Another key's id before a secret that is none of it, with the right checksum: only the hash tells.
        string body = id[..17] + secret[17..^6];
        return body + ApiKeyText.Checksum(body);
    }

    private static void AssertSame(TenantLimits expected, TenantLimits actual)
    {
        Assert.Equal(expected.AllowedTasks, actual.AllowedTasks);
        Assert.Equal(expected with { AllowedTasks = null }, actual with { AllowedTasks = null });
    }

    private static T Value<T>(GridResult<T> result)
        where T : class
    {
        Assert.True(result.TryGet(out T? value, out GridError? error), error?.Message);
        return value;
    }

    private static GridError Error<T>(GridResult<T> result)
        where T : class
    {
        Assert.False(result.TryGet(out _, out GridError? error));
        return error;
    }

    private static async Task<string> KeyAsync(TenantDirectory directory, TenantId tenant) =>
        Value(await directory.CreateKeyAsync(tenant, "k", Roles.Inference, null, Admin)).Secret;

    private StateDatabase Open(DatabaseKind kind) => new TestDatabase(kind, _folder.Path).Open();

    private async Task<TenantDirectory> DirectoryAsync(StateDatabase state)
    {
        var directory = new TenantDirectory(state, _trail, new TenantDirectoryOptions { Time = _time });
        _owned.Add(directory);
        await directory.MigrateAsync();
        return directory;
    }
}
