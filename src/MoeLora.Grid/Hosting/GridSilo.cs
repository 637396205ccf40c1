using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Hosting.Storage;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Grid.Tenants;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;
using Orleans.Serialization;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using StackExchange.Redis;

namespace MoeLora.Grid.Hosting;

/// <summary>Makes a silo of the grid.</summary>
public static class GridSilo
{
    /// <summary>The name of the storage in which grains keep their state.</summary>
    public const string StorageName = "moelora";

    /// <summary>How long a call may take. The same on silos and clients: a caller that vanished is noticed after two of these.</summary>
    internal static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Adds the grains of the grid and all that they need, around a node. Where members and state are kept is the caller's: see <see cref="UseMoeLoraCluster"/>.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="node">The node in this process. It may still be loading, and is the caller's.</param>
    /// <param name="limiter">The limiter that the node was opened with; null where the node limits tenants by itself.</param>
    public static ISiloBuilder AddMoeLoraSilo(this ISiloBuilder silo, ISiloNode node, ClusterLimiter? limiter = null)
    {
        IServiceCollection services = silo.Services;
        services.AddSerializer(serializer => serializer.AddAssembly(typeof(GridSilo).Assembly));
        silo.AddSiloBoard(node);
        services.AddBanks();
        services.AddClusterRequests();
        services.AddSingleton<ClusterOverview>();
        services.AddSingleton<BoardOverview>();
        if (limiter is not null)
        {
            services.AddSingleton(limiter);
            services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, LimiterConnection>();
        }

        silo.AddActivityPropagation();
        silo.Configure<SiloMessagingOptions>(messaging => messaging.ResponseTimeout = ResponseTimeout);
        silo.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = ResponseTimeout);
        return silo;
    }

    /// <summary>Tells the silo which cluster it is of, where it listens, and where members and the state of grains are kept.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="name">Its name.</param>
    /// <param name="options">Options without problems.</param>
    /// <exception cref="ArgumentException">The options have problems; it lists all.</exception>
    public static ISiloBuilder UseMoeLoraCluster(this ISiloBuilder silo, string name, GridSiloOptions options)
    {
        if (options.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(" ", problems), nameof(options));
        silo.Configure<SiloOptions>(own => own.SiloName = name);
        silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Service));
        silo.Configure<EndpointOptions>(endpoint =>
        {
            IPAddress listen = options.Listen ?? options.Address;
            endpoint.AdvertisedIPAddress = options.Address;
            (endpoint.SiloPort, endpoint.GatewayPort) = (options.SiloPort, options.GatewayPort);
            endpoint.SiloListeningEndpoint = new IPEndPoint(listen, options.SiloPort);
            endpoint.GatewayListeningEndpoint = new IPEndPoint(listen, options.GatewayPort);
        });
        silo.Configure<ClusterMembershipOptions>(membership => Apply(options.FailureDetection, membership));

        IServiceCollection services = silo.Services;
        // What grains keep are types of ours with numbered members: no name of a type in what is stored decides which code runs.
        services.AddSingleton<IGrainStorageSerializer, OrleansGrainStorageSerializer>();
        if (ClusterStore.Database == options.Clustering || ClusterStore.Database == options.Storage)
            services.AddSingleton(_ => new ClusterDatabase(options.Database!));
        if (options.Clustering == ClusterStore.Redis)
            silo.UseRedisClustering(redis => redis.ConfigurationOptions = ConfigurationOptions.Parse(options.Redis!));
        else
            services.AddSingleton<IMembershipTable>(provider => new DatabaseMembership(provider.GetRequiredService<ClusterDatabase>(), options.Cluster));
        if (options.Storage == ClusterStore.Redis)
            silo.AddRedisGrainStorage(StorageName, redis => redis.ConfigurationOptions = ConfigurationOptions.Parse(options.Redis!));
        else
            services.AddGrainStorage(StorageName, (provider, _) => new DatabaseGrainStorage(
                provider.GetRequiredService<ClusterDatabase>(), options.Service, provider.GetRequiredService<IGrainStorageSerializer>(), provider.GetRequiredService<IActivatorProvider>()));
        return silo;
    }

    /// <summary>What finds silos for requests: in silos and in clients.</summary>
    internal static void AddClusterRequests(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<SiloBoard>();
        services.AddOptions<ClusterRequestOptions>();
        services.AddOptions<ReplicaOptions>();
        services.AddOptions<PlacementOptions>();
        services.AddTransient<IConfigurationValidator, ReplicaOptionsValidator>();
        services.TryAddSingleton<IReplicas>(provider => new ReplicaCounts(
            provider.GetRequiredService<SiloBoard>(), provider.GetRequiredService<IOptions<ReplicaOptions>>().Value,
            provider.GetRequiredService<IOptions<PlacementOptions>>().Value, provider.GetRequiredService<TimeProvider>(), new Random()));
        services.AddSingleton(provider => new ClusterGrid(
            provider.GetRequiredService<IGrainFactory>(), provider.GetRequiredService<SiloBoard>(), provider.GetRequiredService<IReplicas>(),
            provider.GetRequiredService<IOptions<ClusterRequestOptions>>().Value, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ClusterGrid>>(), provider.GetService<ISiloNode>()));
    }

    internal static void Apply(FailureDetection profile, ClusterMembershipOptions membership)
    {
        if (profile != FailureDetection.Fast)
        {
            // Three probes, of which the last one goes through another silo and may take twice as long.
            Probe(TimeSpan.FromMilliseconds(2500));
            return;
        }

        Probe(TimeSpan.FromMilliseconds(500));
        membership.NumMissedProbesLimit = 2;
        membership.NumVotesForDeathDeclaration = 1;
        // Both let a silo that stands still live for many seconds longer.
        membership.ExtendProbeTimeoutDuringDegradation = false;
        membership.EnableIndirectProbes = false;

        // Orleans would take up to four times as long, and believes for as many probes of the longest kind that a silo lives from which something came.
        void Probe(TimeSpan time) => (membership.ProbeTimeout, membership.MinProbeTimeout, membership.MaxProbeTimeout) = (time, time, time);
    }
}
