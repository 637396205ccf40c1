namespace MoeLora.Grid.Silos;

/// <summary>Takes a silo off the board as soon as membership declares it dead, so that answers that it was giving go on elsewhere at once.</summary>
internal sealed class SiloDepartures(SiloBoard board, ISiloStatusOracle membership) : ISiloStatusListener, ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(SiloDepartures),
        ServiceLifecycleStage.RuntimeServices,
        _ =>
        {
            membership.SubscribeToSiloStatusEvents(this);
            return Task.CompletedTask;
        });

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        if (status == SiloStatus.Dead)
            board.Remove(updatedSilo.ToParsableString());
    }
}
