using System.Net;
using MoeLora.Grid.Hosting.Storage;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Grid.Tests.Hosting;

/// <summary>What Orleans asks of a table of members, on databases that two silos have open.</summary>
public sealed class MembershipTests : IDisposable
{
    private static readonly DateTime Now = new(2026, 11, 1, 12, 0, 0, DateTimeKind.Utc);

    private readonly TemporaryDirectory _directory = new();
    private readonly List<ClusterDatabase> _databases = [];

    public void Dispose()
    {
        _databases.ForEach(database => database.Dispose());
        _directory.Dispose();
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task InsertRow_NewSilo_IsReadByAnotherAsItIs(DatabaseKind kind)
    {
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);
        MembershipEntry entry = Entry(1);
        entry.SuspectTimes = [Tuple.Create(Silo(2), Now.AddSeconds(-3)), Tuple.Create(Silo(3), Now)];
        TableVersion version = (await one.ReadAll()).Version;

        Assert.True(await one.InsertRow(entry, version.Next()));

        MembershipTableData read = await other.ReadAll();
        (MembershipEntry found, string etag) = Assert.Single(read.Members);
        Assert.Equal(version.Version + 1, read.Version.Version);
        Assert.NotEqual(version.VersionEtag, read.Version.VersionEtag);
        Assert.NotEmpty(etag);
        Assert.Equal(
            (entry.SiloAddress, entry.Status, entry.SiloName, entry.HostName, entry.ProxyPort, entry.StartTime, entry.IAmAliveTime),
            (found.SiloAddress, found.Status, found.SiloName, found.HostName, found.ProxyPort, found.StartTime, found.IAmAliveTime));
        Assert.Equal(entry.SuspectTimes, found.SuspectTimes);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task InsertRow_OnAnOldVersionOrTwice_IsRefusedAndChangesNothing(DatabaseKind kind)
    {
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);
        TableVersion old = (await one.ReadAll()).Version;
        Assert.True(await one.InsertRow(Entry(1), old.Next()));
        TableVersion now = (await one.ReadAll()).Version;

        Assert.False(await other.InsertRow(Entry(2), old.Next()));
        Assert.False(await other.InsertRow(Entry(1), now.Next()));

        MembershipTableData read = await other.ReadAll();
        Assert.Single(read.Members);
        Assert.Equal(now, read.Version);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task UpdateRow_OnAnOldETagOrVersion_IsRefusedAndChangesNothing(DatabaseKind kind)
    {
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);
        await one.InsertRow(Entry(1), (await one.ReadAll()).Version.Next());
        MembershipTableData before = await one.ReadAll();
        string etag = before.Members[0].Item2;
        MembershipEntry dead = Entry(1);
        dead.Status = SiloStatus.Dead;
        Assert.True(await one.UpdateRow(dead, etag, before.Version.Next()));
        MembershipTableData after = await one.ReadAll();

        Assert.False(await other.UpdateRow(Entry(1), etag, after.Version.Next()));
        Assert.False(await other.UpdateRow(Entry(1), after.Members[0].Item2, before.Version.Next()));
        Assert.False(await other.UpdateRow(Entry(7), after.Members[0].Item2, after.Version.Next()));

        MembershipTableData read = await other.ReadAll();
        Assert.Equal(SiloStatus.Dead, read.Members[0].Item1.Status);
        Assert.Equal((after.Version, after.Members[0].Item2), (read.Version, read.Members[0].Item2));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task InsertRow_ManySilosAtOnce_EveryVersionCountsOnce(DatabaseKind kind)
    {
        const int Silos = 6;
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);

        await Task.WhenAll(Enumerable.Range(1, Silos).Select(async i =>
        {
            DatabaseMembership table = i % 2 == 0 ? one : other;
            while (!await table.InsertRow(Entry(i), (await table.ReadAll()).Version.Next()))
            {
            }
        }));

        MembershipTableData read = await one.ReadAll();
        Assert.Equal((Silos, Silos), (read.Members.Count, read.Version.Version));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task UpdateIAmAlive_Always_ChangesNothingElse(DatabaseKind kind)
    {
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);
        await one.InsertRow(Entry(1), (await one.ReadAll()).Version.Next());
        MembershipTableData before = await one.ReadAll();
        MembershipEntry later = Entry(1);
        later.IAmAliveTime = Now.AddMinutes(5);
        later.Status = SiloStatus.Dead;

        await other.UpdateIAmAlive(later);

        MembershipTableData read = await one.ReadRow(Silo(1));
        Assert.Equal((before.Version, SiloStatus.Active, Now.AddMinutes(5)), (read.Version, read.Members[0].Item1.Status, read.Members[0].Item1.IAmAliveTime));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task CleanupDefunctSiloEntries_OldAndNew_RemovesOldOnesThatAreNotActive(DatabaseKind kind)
    {
        (DatabaseMembership one, DatabaseMembership other) = await TwoAsync(kind);
        foreach ((int silo, SiloStatus status, int days) in new[] { (1, SiloStatus.Dead, -10), (2, SiloStatus.Dead, -1), (3, SiloStatus.Active, -10) })
        {
            MembershipEntry entry = Entry(silo);
            (entry.Status, entry.IAmAliveTime) = (status, Now.AddDays(days));
            await one.InsertRow(entry, (await one.ReadAll()).Version.Next());
        }

        await other.CleanupDefunctSiloEntries(Now.AddDays(-7));

        Assert.Equal([Silo(2), Silo(3)], (await one.ReadAll()).Members.Select(member => member.Item1.SiloAddress).Order());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task ReadAll_AnotherCluster_IsEmpty(DatabaseKind kind)
    {
        (DatabaseMembership one, _) = await TwoAsync(kind);
        await one.InsertRow(Entry(1), (await one.ReadAll()).Version.Next());
        var strangers = new DatabaseMembership(_databases[0], "another");
        await strangers.InitializeMembershipTable(true);

        Assert.Empty((await strangers.ReadAll()).Members);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task GetGateways_ActiveAndDeadSilos_AreTheActiveOnes(DatabaseKind kind)
    {
        (DatabaseMembership one, _) = await TwoAsync(kind);
        MembershipEntry dead = Entry(2), closed = Entry(3);
        (dead.Status, closed.ProxyPort) = (SiloStatus.Dead, 0);
        foreach (MembershipEntry entry in new[] { Entry(1), dead, closed })
            await one.InsertRow(entry, (await one.ReadAll()).Version.Next());

        IList<Uri> gateways = await new DatabaseGateways(_databases[1], "cluster", TimeSpan.FromSeconds(5)).GetGateways();

        Assert.Equal(["gwy.tcp://127.0.0.1:30001/7"], gateways.Select(gateway => gateway.ToString()));
    }

    private async Task<(DatabaseMembership One, DatabaseMembership Other)> TwoAsync(DatabaseKind kind)
    {
        string connection = Databases.New(kind, _directory);
        _databases.Add(new ClusterDatabase(connection));
        _databases.Add(new ClusterDatabase(connection));
        var tables = (One: new DatabaseMembership(_databases[0], "cluster"), Other: new DatabaseMembership(_databases[1], "cluster"));
        await Task.WhenAll(tables.One.InitializeMembershipTable(true), tables.Other.InitializeMembershipTable(true));
        return tables;
    }

    private static SiloAddress Silo(int number) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11110 + number), 7);

    private static MembershipEntry Entry(int number) => new()
    {
        SiloAddress = Silo(number),
        Status = SiloStatus.Active,
        SiloName = $"silo-{number}",
        HostName = "host",
        ProxyPort = 30000 + number,
        StartTime = Now.AddHours(-1),
        IAmAliveTime = Now,
        SuspectTimes = [],
    };
}
