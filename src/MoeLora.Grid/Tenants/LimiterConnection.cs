
namespace MoeLora.Grid.Tenants;

/// <summary>Connects a silo's limiter to the cluster once the silo can call and be called.</summary>
internal sealed class LimiterConnection(ClusterLimiter limiter, IGrainFactory grains, ILocalSiloDetails silo) : ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LimiterConnection),
        ServiceLifecycleStage.Active,
        _ =>
        {
            limiter.Connect(grains, silo.SiloAddress.ToParsableString());
            return Task.CompletedTask;
        },
        _ =>
        {
            limiter.Disconnect();
            return Task.CompletedTask;
        });
}
