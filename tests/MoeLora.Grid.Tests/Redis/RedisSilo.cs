using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Costs;
using Orleans.Storage;

namespace MoeLora.Grid.Tests.Redis;

/// <summary>What a silo on Redis would use, without the silo: made by the same calls.</summary>
internal sealed class RedisSilo : IDisposable
{
    private readonly NullNode _node = new("s");
    private readonly IHost _host;

    public RedisSilo(string redis, string cluster = "cluster")
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo => silo
            .UseMoeLoraCluster("s", new GridSiloOptions { Cluster = cluster, Redis = redis, Clustering = ClusterStore.Redis, Storage = ClusterStore.Redis, Address = IPAddress.Loopback })
            .AddMoeLoraSilo(_node));
        _host = builder.Build();
    }

    /// <summary>Its table of members, ready to be used.</summary>
    public async Task<IMembershipTable> MembersAsync()
    {
        IMembershipTable table = _host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(true);
        return table;
    }

    /// <summary>The storage of its grains, connected.</summary>
    public async Task<IGrainStorage> StorageAsync()
    {
        IGrainStorage storage = _host.Services.GetRequiredKeyedService<IGrainStorage>(GridSilo.StorageName);
        var start = new SiloLifecycleSubject(NullLogger<SiloLifecycleSubject>.Instance);
        ((ILifecycleParticipant<ISiloLifecycle>)storage).Participate(start);
        await start.OnStart(CancellationToken.None);
        return storage;
    }

    public void Dispose()
    {
        _host.Dispose();
        _node.Dispose();
    }
}
