using Microsoft.Extensions.DependencyInjection;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using Orleans.Configuration;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Silos in this process, each with a node that computes nothing.</summary>
internal sealed class ProbeCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private ProbeCluster(InProcessTestCluster cluster) => _cluster = cluster;

    public IReadOnlyList<InProcessSiloHandle> Silos => [.. _cluster.Silos];

    public IClusterClient Client => _cluster.Client;

    public static async Task<ProbeCluster> StartAsync(short silos, Action<FakeSilo>? prepare = null)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((options, silo) =>
        {
            var node = new FakeSilo(options.SiloName);
            prepare?.Invoke(node);
            silo.Services.AddSingleton(node).AddSingleton<IBankReports>(node);
            silo.Services.AddSingleton<BankSilos>().AddSingleton<BundleTransfer>().AddSingleton<BankFollower>();
            silo.AddSiloBoard(node);
            // On a busy machine reports come late; that is not what these tests are about.
            silo.Services.Configure<PlacementOptions>(placement => placement.SilentAfter = TimeSpan.FromMinutes(10));
            // Nobody dies in these tests but those that are killed, and they say so.
            silo.Configure<ClusterMembershipOptions>(membership => membership.NumMissedProbesLimit = 100);
        });
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        return new ProbeCluster(cluster);
    }

    public static string Address(InProcessSiloHandle silo) => silo.SiloAddress.ToParsableString();

    public FakeSilo Node(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<FakeSilo>();

    public SiloBoard Board(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<SiloBoard>();

    public Task AnnounceAsync(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<SiloAnnouncer>().AnnounceNowAsync();

    /// <summary>Waits until every board names every silo.</summary>
    public Task MeetAsync() => Until.TrueAsync(() => Silos.All(silo => Board(silo).Ready.Count() == Silos.Count));

    public Task StopAsync(InProcessSiloHandle silo) => _cluster.StopSiloAsync(silo);

    public Task KillAsync(InProcessSiloHandle silo) => _cluster.KillSiloAsync(silo);

    public Task<string> WhereAsync(string key) => Client.GetGrain<IProbeGrain>(key).WhereAsync();

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
    }
}
