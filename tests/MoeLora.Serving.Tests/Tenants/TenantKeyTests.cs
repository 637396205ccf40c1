using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Tenants;

/// <summary>Keys of tenants: made, proven, rotated, revoked.</summary>
public sealed class TenantKeyTests : TenantDirectoryTest
{
    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Key_Created_ProvesItsTenantAndRolesAndIsKeptAsHashOnly(DatabaseKind kind)
    {
        using StateDatabase state = Open(kind);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "ward 3", Roles.Inference | Roles.Operator, Time.GetUtcNow() + Hour, Admin));

        Assert.Equal(new Caller(Clinic, key.Key.Id, Roles.Inference | Roles.Operator), Value(await directory.AuthenticateAsync(key.Secret)));
        Assert.Equal(key.Key, Assert.Single(Value(await directory.ListKeysAsync(Clinic))));
        Assert.DoesNotContain(key.Secret[20..], key.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Trail.Entries, entry => entry.ToString().Contains(key.Secret[20..], StringComparison.Ordinal));
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
        NewApiKey expired = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, Time.GetUtcNow() + Hour, Admin));
        NewApiKey revoked = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin));
        string ofDisabled = await KeyAsync(directory, disabled);
        Value(await directory.RevokeKeyAsync(revoked.Key.Id, Admin));
        Value(await directory.PutTenantAsync(disabled, TenantLimits.None, false, Admin));
        Time.Advance(Hour);

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

        Assert.Equal(Time.GetUtcNow(), Value(await here.RevokeKeyAsync(key.Key.Id, Admin)).Revoked);
        Error(await here.AuthenticateAsync(key.Secret));
        Time.Advance(TimeSpan.FromSeconds(1));
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
        Time.Advance(Hour - TimeSpan.FromTicks(1));
        Value(await directory.AuthenticateAsync(old.Secret));
        Time.Advance(TimeSpan.FromTicks(1));
        Error(await directory.AuthenticateAsync(old.Secret));
        Value(await directory.AuthenticateAsync(next.Secret));
    }

    [Fact]
    public async Task Key_Expires_AtThatMomentThoughItIsCached()
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        await directory.PutTenantAsync(Clinic, TenantLimits.None, true, Admin);
        NewApiKey key = Value(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, Time.GetUtcNow() + TimeSpan.FromMilliseconds(10), Admin));
        Value(await directory.AuthenticateAsync(key.Secret));
        Time.Advance(TimeSpan.FromMilliseconds(10));
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
    [InlineData("revoke")]
    [InlineData("rotate")]
    [InlineData("disable")]
    public async Task LastAdminKey_CannotBeTakenUnlessAdminsComeFromAnIssuer(string how)
    {
        using StateDatabase state = Open(DatabaseKind.Sqlite);
        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey first = Value(await directory.CreateFirstKeyAsync());
        Value(await directory.CreateKeyAsync(TenantDirectory.FirstTenant, "asks", Roles.Inference, null, Admin));
        Value(await directory.CreateKeyAsync(TenantDirectory.FirstTenant, "expires", Roles.Admin, Time.GetUtcNow() + Hour, Admin));
        Time.Advance(2 * Hour); // one of the two admins' keys works no more

        GridError? refused = await TakeAsync(directory);
        bool works = (await directory.AuthenticateAsync(first.Secret)).TryGet(out _, out _);
        using var trusting = new TenantDirectory(state, Trail, new TenantDirectoryOptions { Time = Time, AdminsFromIssuer = true });

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
        using (var trusting = new TenantDirectory(state, Trail, new TenantDirectoryOptions { Time = Time, AdminsFromIssuer = true }))
        {
            await trusting.MigrateAsync();
            Value(await trusting.CreateFirstKeyAsync());
            Value(await trusting.PutTenantAsync(TenantDirectory.FirstTenant, TenantLimits.None, false, Admin));
        }

        TenantDirectory directory = await DirectoryAsync(state);
        NewApiKey key = Value(await directory.RecoverAdminKeyAsync());

        Assert.Equal(new Caller(TenantDirectory.FirstTenant, key.Key.Id, Roles.Admin | Roles.Operator), Value(await directory.AuthenticateAsync(key.Secret)));
        Assert.Equal(("recover_admin_key", TenantId.Local, "recovery"), (Trail.Entries[^1].Detail, Trail.Entries[^1].Tenant, Trail.Entries[^1].Subject));
    }

    [Fact]
    public async Task Authenticate_DatabaseGone_IsUnavailableAndNotUnauthenticated()
    {
        using StateDatabase state = StateDatabase.PostgreSql("Host=/nonexistent;Database=x;Username=x");
        using var directory = new TenantDirectory(state, Trail, new TenantDirectoryOptions { Time = Time });
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

    private static string WithIdOf(string id, string secret)
    {
        // Another key's id before a secret that is none of it, with the right checksum: only the hash tells.
        string body = id[..17] + secret[17..^6];
        return body + ApiKeyText.Checksum(body);
    }
}
