using System.Net;

namespace MoeLora.Grid.Tests.Redis;

/// <summary>What a cluster needs of a table of members, on a Redis that two silos have open.</summary>
public sealed class RedisMembershipTests : IDisposable
{
    private static readonly DateTime Now = new(2026, 11, 1, 12, 0, 0, DateTimeKind.Utc);

    private readonly string _redis = RedisServer.NewDatabase();
    private readonly List<RedisSilo> _silos = [];

    public void Dispose() => _silos.ForEach(silo => silo.Dispose());

    [RedisFact]
    public async Task InsertRow_NewSilo_IsReadByAnotherAsItIs()
    {
        (IMembershipTable one, IMembershipTable other) = await TwoAsync();

        Assert.True(await one.InsertRowAsync(Entry(1), (await one.ReadAllAsync()).Version.Next()));

        MembershipEntry found = Assert.Single((await other.ReadAllAsync()).Members).Item1;
        Assert.Equal((Silo(1), SiloStatus.Active, "silo-1", 30001), (found.SiloAddress, found.Status, found.SiloName, found.ProxyPort));
    }

    [RedisFact]
    public async Task UpdateRow_OnAnOldVersion_IsRefusedAndChangesNothing()
    {
        (IMembershipTable one, IMembershipTable other) = await TwoAsync();
        await one.InsertRowAsync(Entry(1), (await one.ReadAllAsync()).Version.Next());
        MembershipTableData before = await other.ReadAllAsync();
        MembershipEntry dead = Entry(1);
        dead.Status = SiloStatus.Dead;
        Assert.True(await one.UpdateRowAsync(dead, before.Members[0].Item2, before.Version.Next()));

        Assert.False(await other.UpdateRowAsync(Entry(1), before.Members[0].Item2, before.Version.Next()));

        Assert.Equal(SiloStatus.Dead, (await other.ReadAllAsync()).Members[0].Item1.Status);
    }

    [RedisFact]
    public async Task InsertRow_ManySilosAtOnce_EveryVersionCountsOnce()
    {
        const int Silos = 6;
        (IMembershipTable one, IMembershipTable other) = await TwoAsync();

        await Task.WhenAll(Enumerable.Range(1, Silos).Select(async i =>
        {
            IMembershipTable table = i % 2 == 0 ? one : other;
            while (!await table.InsertRowAsync(Entry(i), (await table.ReadAllAsync()).Version.Next()))
            {
            }
        }));

        MembershipTableData read = await one.ReadAllAsync();
        Assert.Equal((Silos, Silos), (read.Members.Count, read.Version.Version));
    }

    [RedisFact]
    public async Task ReadAll_AnotherCluster_IsEmpty()
    {
        (IMembershipTable one, _) = await TwoAsync();
        await one.InsertRowAsync(Entry(1), (await one.ReadAllAsync()).Version.Next());

        Assert.Empty((await (await OpenAsync("another")).ReadAllAsync()).Members);
    }

    private async Task<(IMembershipTable One, IMembershipTable Other)> TwoAsync() => (await OpenAsync("cluster"), await OpenAsync("cluster"));

    private Task<IMembershipTable> OpenAsync(string cluster)
    {
        var silo = new RedisSilo(_redis, cluster);
        _silos.Add(silo);
        return silo.MembersAsync();
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
