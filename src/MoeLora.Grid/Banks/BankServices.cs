using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Banks;

/// <summary>What a silo needs for banks, beside <see cref="ISiloNode"/>, <see cref="SiloBoard"/> and a grain storage named <see cref="GateGrain.Storage"/>.</summary>
internal static class BankServices
{
    /// <summary>Adds what follows gates, and <see cref="ClusterRollouts"/>.</summary>
    public static IServiceCollection AddBanks(this IServiceCollection services)
    {
        services.AddOptions<BundleSharingOptions>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<BankSilos>();
        services.AddSingleton(provider => new BundleTransfer(
            provider.GetRequiredService<ISiloNode>(),
            provider.GetRequiredService<IGrainFactory>(),
            provider.GetRequiredService<ILocalSiloDetails>(),
            provider.GetRequiredService<BankSilos>(),
            provider.GetRequiredService<Microsoft.Extensions.Logging.ILogger<BundleTransfer>>(),
            provider.GetRequiredService<IOptions<BundleSharingOptions>>().Value.SharedFolder is { } folder ? new BundleFolder(folder) : null));
        services.AddSingleton<BankFollower>();
        services.AddSingleton<IBankReports>(provider => provider.GetRequiredService<BankFollower>());
        services.AddSingleton<ClusterRollouts>();
        services.AddHostedService<BankFollowing>();
        return services;
    }
}
