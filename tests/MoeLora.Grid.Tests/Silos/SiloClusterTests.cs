using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Silos;

public sealed class SiloClusterTests
{
    [Fact]
    public async Task Reports_ThreeSilos_EveryBoardHasAll()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);

        await cluster.MeetAsync();

        foreach (InProcessSiloHandle silo in cluster.Silos)
            Assert.Equal(cluster.Silos.Select(ProbeCluster.Address).Order(), cluster.Board(silo).Reports.Select(report => report.Silo).Order());
        foreach (InProcessSiloHandle silo in cluster.Silos)
        {
            string about = SiloFacts.Describe(ProbeCluster.Address(silo), cluster.Silos[0].ServiceProvider.GetRequiredService<ISiloMetadataCache>().GetSiloMetadata(silo.SiloAddress));
            Assert.Equal($"{cluster.Node(silo).Name} ({ProbeCluster.Address(silo)}, cpu with {8 * Reported.Giga} bytes)", about);
        }

        SiloReport[] outside = await cluster.Client.GetGrain<IBoardGrain>(0).ReportsAsync([]);
        Assert.Equal(3, outside.Length);
    }

    [Fact]
    public async Task AnnounceNow_SomethingChanged_OthersKnowWhenItReturns()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(2);
        await cluster.MeetAsync();
        (InProcessSiloHandle one, InProcessSiloHandle other) = (cluster.Silos[0], cluster.Silos[1]);

        // It waits for the others a period at most, which a busy machine may need: then the next one tells them.
        for (int running = 1; running <= 3; running++)
        {
            cluster.Node(one).Running = running;
            await cluster.AnnounceAsync(one);
            Assert.Equal(running, cluster.Board(one).Find(ProbeCluster.Address(one))!.Load);
            int expected = running;
            await Until.TrueAsync(() => cluster.Board(other).Find(ProbeCluster.Address(one))!.Load == expected);
        }
    }

    [Fact]
    public async Task OnNamedSilo_EverySilo_IsReachedAndAGoneOneIsNot()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        foreach (InProcessSiloHandle silo in cluster.Silos)
            Assert.Equal(ProbeCluster.Address(silo), await cluster.Client.GetGrain<INamedProbeGrain>(ProbeCluster.Address(silo)).WhereAsync());

        InProcessSiloHandle gone = cluster.Silos[2];
        await cluster.StopAsync(gone);

        await Assert.ThrowsAsync<SiloUnavailableException>(() => cluster.Client.GetGrain<INamedProbeGrain>(ProbeCluster.Address(gone)).WhereAsync());
    }

    [Fact]
    public async Task Kill_OneSilo_DisappearsFromEveryBoardAndItsTasksLiveElsewhere()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        string home = await cluster.WhereAsync("clinic/triage/0");
        InProcessSiloHandle killed = cluster.Silos.Single(silo => ProbeCluster.Address(silo) == home);

        await cluster.KillAsync(killed);

        await Until.TrueAsync(() => cluster.Silos.All(silo => cluster.Board(silo).Find(home) is null));
        Assert.NotEqual(home, await cluster.WhereAsync("clinic/triage/0"));
    }

    [Fact]
    public async Task Placement_SiloSaysItIsStopping_GetsNoNewGrain()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        InProcessSiloHandle stopping = cluster.Silos[1];
        cluster.Node(stopping).Status = new GridStatus(GridPhase.Stopping, "");
        await cluster.AnnounceAsync(stopping);
        await Until.TrueAsync(() => cluster.Silos.All(silo => cluster.Board(silo).Ready.Count() == 2));

        string[] homes = await Task.WhenAll(Enumerable.Range(0, 60).Select(task => cluster.WhereAsync($"clinic/task-{task}/0")));

        Assert.DoesNotContain(ProbeCluster.Address(stopping), homes);
        Assert.Equal(2, homes.Distinct().Count());
    }

    [Fact]
    public async Task Stop_SiloWithTaskGrains_TheyLiveElsewhereWithoutAnError()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        string[] keys = [.. Enumerable.Range(0, 60).Select(task => $"clinic/task-{task}/0")];
        await Task.WhenAll(keys.Select(cluster.WhereAsync));
        InProcessSiloHandle stopped = cluster.Silos[1];

        await cluster.StopAsync(stopped);
        string[] homes = await Task.WhenAll(keys.Select(cluster.WhereAsync));

        Assert.DoesNotContain(ProbeCluster.Address(stopped), homes);
        await Until.TrueAsync(() => cluster.Silos.All(silo => cluster.Board(silo).Reports.Count == 2));
    }

    [Fact]
    public async Task Placement_OnlyOneSiloHasTheBase_AllGoThere()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        foreach (InProcessSiloHandle silo in cluster.Silos.Skip(1))
        {
            cluster.Node(silo).Bases = [Reported.BaseB];
            cluster.Node(silo).Reports = [];
            await cluster.AnnounceAsync(silo);
        }

        await Until.TrueAsync(() => cluster.Silos.All(silo => cluster.Board(silo).Ready.Count(report => report.Bases[0].Hash == Reported.BaseB) == 2));

        string[] homes = await Task.WhenAll(Enumerable.Range(0, 30).Select(task => cluster.WhereAsync($"clinic/task-{task}/0")));

        Assert.Equal([ProbeCluster.Address(cluster.Silos[0])], homes.Distinct());
    }

    [Fact]
    public async Task Placement_NoSiloCanTakeIt_TheCallerReadsWhatEachLacks()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        InProcessSiloHandle[] silos = [.. cluster.Silos];
        cluster.Node(silos[0]).Status = new GridStatus(GridPhase.Loading, "");
        cluster.Node(silos[1]).MemoryBytes = 0;
        cluster.Node(silos[2]).Reports = [Reported.Bank("clinic", "version 3 has another shape")];
        foreach (InProcessSiloHandle silo in silos)
            await cluster.AnnounceAsync(silo);
        await Until.TrueAsync(() => silos.All(silo => cluster.Board(silo).Reports.All(report =>
            report.Phase == GridPhase.Loading || report.MemoryBytes == 0 || report.Banks[0].Problem is not null)));

        NoEligibleSiloException problem = await Assert.ThrowsAsync<NoEligibleSiloException>(() => cluster.WhereAsync("clinic/triage/0"));

        Assert.Contains("clinic/triage/0", problem.Message, StringComparison.Ordinal);
        Assert.Contains("takes no requests, it is loading", problem.Message, StringComparison.Ordinal);
        Assert.Contains("has no room", problem.Message, StringComparison.Ordinal);
        Assert.Contains("version 3 has another shape", problem.Message, StringComparison.Ordinal);
        Assert.All(silos, silo => Assert.Contains(ProbeCluster.Address(silo), problem.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Placement_TenThousandTasksOfOneBank_SpreadEvenlyInBoundedMemory()
    {
        const int Tasks = 10_000, Together = 200;
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(3);
        await cluster.MeetAsync();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var homes = new Dictionary<string, int>();

        foreach (string[] keys in Enumerable.Range(0, Tasks).Select(task => $"clinic/task-{task}/0").Chunk(Together))
        {
            foreach (string home in await Task.WhenAll(keys.Select(cluster.WhereAsync)))
                homes[home] = homes.GetValueOrDefault(home) + 1;
        }

        // Within a fifth of a third each.
        Assert.Equal(3, homes.Count);
        Assert.All(homes.Values, count => Assert.InRange(count, Tasks / 3 * 8 / 10, Tasks / 3 * 12 / 10));
        // What placement sets aside for a task grain holds for three silos and a client in one process, reports included.
        long each = (GC.GetTotalMemory(forceFullCollection: true) - before) / Tasks;
        Assert.True(each < new PlacementOptions().TaskBytes, $"A task grain takes {each} bytes.");
        await Until.TrueAsync(() => cluster.Board(cluster.Silos[0]).Reports.Sum(report => report.TaskCount) == Tasks);
        Assert.All(cluster.Board(cluster.Silos[0]).Reports, report => Assert.Equal(SiloReporter.MostTasks, report.Tasks.Length));
    }
}
