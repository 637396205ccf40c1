using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using MoeLora.Client.Chat;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting.Storage;
using MoeLora.Grid.Requests;
using Orleans.Configuration;
using Orleans.Messaging;
using Orleans.Serialization;
using StackExchange.Redis;

namespace MoeLora.Grid.Hosting;

/// <summary>Adds the grid to a C# application that calls its task grains itself, without HTTP.</summary>
public static class GridClient
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Adds an <see cref="IModelGrid"/> over the cluster, an <see cref="IChatClient"/> on it, and the Orleans client that both use. The application's start waits
    /// until a silo can be reached. Silos may come and go afterwards: an answer whose silo is lost goes on on another one.
    /// </summary>
    /// <param name="builder">The application's.</param>
    /// <param name="options">Which cluster, and how it is reached.</param>
    /// <param name="configure">What else the Orleans client needs, such as TLS.</param>
    /// <exception cref="ArgumentException">The options have problems; it lists all.</exception>
    public static IHostApplicationBuilder AddMoeLoraGrid(this IHostApplicationBuilder builder, GridClientOptions options, Action<IClientBuilder>? configure = null)
    {
        if (options.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(" ", problems), nameof(options));
        builder.UseOrleansClient(client =>
        {
            client.Services.AddSerializer(serializer => serializer.AddAssembly(typeof(GridClient).Assembly));
            client.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Service));
            client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = GridSilo.ResponseTimeout);
            client.Configure<GatewayOptions>(gateway => gateway.GatewayListRefreshPeriod = LivingGateways.Period);
            client.UseConnectionRetryFilter(async (_, cancellation) =>
            {
                await Task.Delay(Retry, cancellation);
                return true;
            });
            client.AddActivityPropagation();
            UseCluster(client, options);
            LeaveOutDeadGateways(client.Services);
            configure?.Invoke(client);
        });

        IServiceCollection services = builder.Services;
        services.Configure<ClusterRequestOptions>(requests => requests.Patience = options.Patience);
        services.AddClusterRequests();
        services.AddHostedService<BoardRefresh>();
        services.AddSingleton<IModelGrid>(provider => provider.GetRequiredService<ClusterGrid>());
        services.AddSingleton<IChatClient>(provider => new MoeLoraChatClient(provider.GetRequiredService<IModelGrid>(), options.Model));
        return builder;
    }

    private static void UseCluster(IClientBuilder client, GridClientOptions options)
    {
        if (options.Gateways.Count > 0)
        {
            client.UseStaticClustering([.. options.Gateways]);
        }
        else if (options.Clustering == ClusterStore.Redis)
        {
            client.UseRedisClustering(redis => redis.ConfigurationOptions = ConfigurationOptions.Parse(options.Redis!));
        }
        else
        {
            client.Services.AddSingleton(_ => new ClusterDatabase(options.Database!));
            client.Services.AddSingleton<IGatewayListProvider>(provider => new DatabaseGateways(
                provider.GetRequiredService<ClusterDatabase>(), options.Cluster, provider.GetRequiredService<IOptions<GatewayOptions>>().Value.GatewayListRefreshPeriod));
        }
    }

    private static void LeaveOutDeadGateways(IServiceCollection services)
    {
        ServiceDescriptor all = services.Last(service => service.ServiceType == typeof(IGatewayListProvider));
        services.Remove(all);
        services.AddSingleton(provider => new LivingGateways(
            (IGatewayListProvider)(all.ImplementationFactory?.Invoke(provider) ?? ActivatorUtilities.CreateInstance(provider, all.ImplementationType!)), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IGatewayListProvider>(provider => provider.GetRequiredService<LivingGateways>());
    }
}
