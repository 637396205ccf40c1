using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Tenants;

/// <summary>Tenants, and who may change what.</summary>
public sealed class TenantDirectoryTests : TenantDirectoryTest
{
    [Theory]
    [OnSqlite]
    [OnPostgreSql]
    public async Task Tenant_Put_IsFoundListedAndKept(DatabaseKind kind)
    {
        var database = new TestDatabase(kind, Folder.Path);
        var limits = new TenantLimits { AllowedTasks = ["med/*", "lab/blood,\"x\""], TokensPerMinute = 100, RequestsPerMinute = 5, ConcurrentSequences = 2, Weight = 1.5 };
        using (StateDatabase state = database.Open())
        {
            TenantDirectory directory = await DirectoryAsync(state);
            Tenant made = Value(await directory.PutTenantAsync(Clinic, limits, true, Admin));
            Assert.Equal((Clinic, true, Time.GetUtcNow()), (made.Id, made.Enabled, made.Created));
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
        Time.Advance(Hour);
        Value(await directory.PutTenantAsync(Clinic, new TenantLimits { RequestsPerMinute = 7 }, true, Admin));
        Tenant found = Value(await directory.FindTenantAsync(Clinic));
        Assert.Equal((7, created), (found.Limits.RequestsPerMinute, found.Created));
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

        Trail.Fails = true;
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.PutTenantAsync(Clinic, TenantLimits.None, false, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.CreateKeyAsync(Clinic, "k", Roles.Inference, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.RotateKeyAsync(key.Key.Id, Hour, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.Unavailable, Error(await directory.RevokeKeyAsync(key.Key.Id, Admin)).Kind);
        Time.Advance(Hour);
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

        Assert.All(Trail.Entries, entry => Assert.Equal((AuditAction.Tenancy, true, TenantId.Local, "root"), (entry.Action, entry.Succeeded, entry.Tenant, entry.Subject)));
        Assert.Equal(["create_tenant", "change_tenant", "create_key", "rotate_key", "revoke_key"], Trail.Entries.Select(entry => entry.Detail));
        Assert.Equal("clinic enabled=true weight=1 requests_per_minute=5 tokens_per_minute=any concurrent_sequences=any allowed_tasks=any", Trail.Entries[0].Target);
        Assert.Equal($"{id} tenant=clinic roles=inference expires=never", Trail.Entries[2].Target);
        Assert.Contains(next, Trail.Entries[3].Target, StringComparison.Ordinal);
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
        Assert.Equal(2, Trail.Entries.Count);
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
        GridError error = Error(await directory.CreateKeyAsync(Clinic, "", Roles.None, Time.GetUtcNow(), Admin));
        Assert.Equal((GridErrorKind.InvalidRequest, "label"), (error.Kind, error.Param));
        Assert.All((string[])["'label'", "'roles'", "'expires'"], name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        Assert.Equal(GridErrorKind.InvalidRequest, Error(await directory.PutTenantAsync(Clinic, new TenantLimits { Weight = 0 }, true, Admin)).Kind);
        Assert.Equal(GridErrorKind.InvalidRequest, Error(await directory.RotateKeyAsync("k", TimeSpan.FromDays(91), null, Admin)).Kind);
        Assert.Equal(GridErrorKind.NotFound, Error(await directory.CreateKeyAsync(TenantId.Parse("nobody"), "k", Roles.Inference, null, Admin)).Kind);
        Assert.Equal(GridErrorKind.NotFound, Error(await directory.RevokeKeyAsync("000000000000", Admin)).Kind);
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
        Assert.Equal(21, Trail.Entries.Count);
    }

    private static void AssertSame(TenantLimits expected, TenantLimits actual)
    {
        Assert.Equal(expected.AllowedTasks, actual.AllowedTasks);
        Assert.Equal(expected with { AllowedTasks = null }, actual with { AllowedTasks = null });
    }
}
