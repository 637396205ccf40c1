using MoeLora.Grid.Placement;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Three silos that say they have GPUs: tasks are placed, moved and taken up again by the memory of these, not by that of the processes.</summary>
public sealed class GpuSilosTests
{
    private const int Tasks = 180;

    [Fact]
    public async Task Placement_GpusOfSeveralSizes_GetTasksByTheirMemory()
    {
        await using ProbeCluster cluster = await StartAsync();
        for (int i = 0; i < 3; i++)
            Give(cluster.Node(cluster.Silos[i]), new Gpu((i + 1) * 8 * Reported.Giga));
        await AnnounceAsync(cluster);

        string[] homes = await PlaceAsync(cluster, Tasks);

        // 8, 16 and 24 GiB: a sixth, a third and a half. A fifth of each either way, since every silo decides by what it placed itself and heard last; thirds would be far outside.
        for (int i = 0; i < 3; i++)
            Assert.InRange(homes.Count(home => home == ProbeCluster.Address(cluster.Silos[i])), Tasks / 6 * (i + 1) * 4 / 5, Tasks / 6 * (i + 1) * 6 / 5);
    }

    [Fact]
    public async Task Placement_AGpuWithoutRoom_GetsNoTaskHoweverMuchTheProcessHas()
    {
        await using ProbeCluster cluster = await StartAsync();
        InProcessSiloHandle full = cluster.Silos[1];
        cluster.Node(full).MemoryBytes = 1024 * Reported.Giga;
        Give(cluster.Node(full), new Gpu(8 * Reported.Giga) { Used = 8 * Reported.Giga });
        await AnnounceAsync(cluster);

        string[] homes = await PlaceAsync(cluster, 20);

        Assert.DoesNotContain(ProbeCluster.Address(full), homes);
        Assert.Equal(2, homes.Distinct().Count());
    }

    [Fact]
    public async Task Migration_AGpuBecomesFull_ItsTasksMoveToTheOthers()
    {
        await using ProbeCluster cluster = await StartAsync();
        string[] homes = await PlaceAsync(cluster, 6);
        InProcessSiloHandle full = cluster.Silos.First(silo => homes.Contains(ProbeCluster.Address(silo)));

        Give(cluster.Node(full), new Gpu(8 * Reported.Giga) { Used = 8 * Reported.Giga });

        await Until.TrueAsync(async () => !(await PlaceAsync(cluster, 6)).Contains(ProbeCluster.Address(full)));
    }

    [Fact]
    public async Task Failover_AGpuIsLostAndASiloIsKilled_TheLastOneHasAllTasks()
    {
        await using ProbeCluster cluster = await StartAsync();
        await PlaceAsync(cluster, 12);
        (InProcessSiloHandle lost, InProcessSiloHandle killed, InProcessSiloHandle last) = (cluster.Silos[0], cluster.Silos[1], cluster.Silos[2]);

        Give(cluster.Node(lost), new Gpu(8 * Reported.Giga) { Fault = "cuda:0 does not compute any more" });
        await Until.TrueAsync(async () => !(await PlaceAsync(cluster, 12)).Contains(ProbeCluster.Address(lost)));
        Assert.All(cluster.Silos, silo => Assert.Equal("cuda:0 does not compute any more", cluster.Board(silo).Find(ProbeCluster.Address(lost))!.Devices[0].Fault));

        await cluster.KillAsync(killed);
        await Until.TrueAsync(() => cluster.Board(last).Find(ProbeCluster.Address(killed)) is null);
        await Until.TrueAsync(async () => (await PlaceAsync(cluster, 12)).All(home => home == ProbeCluster.Address(last)));

        // With nowhere left to go a caller reads why.
        Give(cluster.Node(last), new Gpu(8 * Reported.Giga) { Used = 8 * Reported.Giga });
        await Until.TrueAsync(() => cluster.Board(last).Find(ProbeCluster.Address(last))!.FreeBytes == 0);
        NoEligibleSiloException problem = await Assert.ThrowsAsync<NoEligibleSiloException>(() => cluster.WhereAsync("clinic/new/0"));
        Assert.Contains("cuda:0 does not compute any more", problem.Message, StringComparison.Ordinal);
        Assert.Contains($"0 of its {8 * Reported.Giga} bytes are free", problem.Message, StringComparison.Ordinal);
    }

    /// <summary>Three silos of a GPU of 8 GiB each, whose processes have no memory to speak of.</summary>
    private static async Task<ProbeCluster> StartAsync()
    {
        ProbeCluster cluster = await ProbeCluster.StartAsync(3, node =>
        {
            node.MemoryBytes = 1;
            Give(node, new Gpu(8 * Reported.Giga));
        });
        await cluster.MeetAsync();
        return cluster;
    }

    private static void Give(FakeSilo node, Gpu gpu) => node.Special = engine => engine with
    {
        Device = "torch cuda:0",
        DeviceKind = "cuda",
        DeviceId = "cuda:0",
        DeviceMemoryBytes = gpu.Memory,
        WeightBytes = gpu.Used,
        KvBytes = 0,
        Fault = gpu.Fault,
    };

    /// <summary>Every board knows what every silo says now.</summary>
    private static async Task AnnounceAsync(ProbeCluster cluster)
    {
        foreach (InProcessSiloHandle silo in cluster.Silos)
            await cluster.AnnounceAsync(silo);
        await Until.TrueAsync(() => cluster.Silos.All(silo => cluster.Silos.All(other => Same(cluster.Board(silo), cluster.Board(other), ProbeCluster.Address(other)))));
    }

    // What a silo says of itself is on its own board first.
    private static bool Same(Grid.Silos.SiloBoard board, Grid.Silos.SiloBoard own, string silo) =>
        board.Find(silo) is { } report && own.Find(silo) is { } said && report.Devices.SequenceEqual(said.Devices);

    private static async Task<string[]> PlaceAsync(ProbeCluster cluster, int tasks) =>
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(task => cluster.WhereAsync($"clinic/task-{task}/0")));

    /// <summary>What a silo says of its GPU.</summary>
    private sealed record Gpu(long Memory)
    {
        public long Used { get; init; }

        public string? Fault { get; init; }
    }
}
