using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace MoeLora.Grid.Silos;

/// <summary>Wires the board, the announcements and the placement of task grains into a silo.</summary>
internal static class SiloServices
{
    /// <summary>Adds them. The silo must have an <see cref="IBankReports"/>.</summary>
    public static ISiloBuilder AddSiloBoard(this ISiloBuilder builder, ISiloNode node)
    {
        IServiceCollection services = builder.Services;
        services.AddSingleton(node);
        builder.UseSiloMetadata(SiloFacts.Of(node));
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SiloBoard>();
        services.AddSingleton<ResidentTasks>();
        services.AddSingleton<ISiloPeers, ClusterPeers>();
        services.AddSingleton<SiloReporter>();
        services.AddSingleton<TaskMoves>();
        services.AddSingleton<SiloAnnouncer>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<SiloAnnouncer>());
        services.AddSingleton<SiloPulse>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<SiloPulse>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, SiloDepartures>();
        services.AddOptions<AnnouncementOptions>();
        services.AddOptions<PlacementOptions>();
        services.AddTransient<IConfigurationValidator, AnnouncementOptionsValidator>();
        services.AddTransient<IConfigurationValidator, PlacementOptionsValidator>();
        builder.AddPlacementDirector<OnNamedSiloPlacement, OnNamedSiloDirector>();
        builder.AddPlacementDirector<WhereItsBankIsPlacement, WhereItsBankIsDirector>();
        return builder;
    }
}
