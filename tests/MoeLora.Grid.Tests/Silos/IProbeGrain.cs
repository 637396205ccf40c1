using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Says where it lives. Its key is a task's.</summary>
[Alias("moelora.tests.IProbeGrain")]
public interface IProbeGrain : IGrainWithStringKey
{
    /// <summary>The silo's address.</summary>
    [Alias("Where")]
    Task<string> WhereAsync();
}

/// <summary>Placed like a task grain, and counted like one.</summary>
[WhereItsBankIs]
internal sealed class ProbeGrain(ILocalSiloDetails silo, ResidentTasks resident) : Grain, IProbeGrain, IResidentTask
{
    public string Key => this.GetPrimaryKeyString();

    public int Depth => 0;

    public void Migrate() => GrainContext.Migrate(requestContext: null);

    public void Deactivate() => GrainContext.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested, "Told to."));

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        resident.Add(Key, this);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        resident.Remove(Key, this);
        return Task.CompletedTask;
    }

    public Task<string> WhereAsync() => Task.FromResult(silo.SiloAddress.ToParsableString());
}

/// <summary>Says where it lives. Its key is a silo's address.</summary>
[Alias("moelora.tests.INamedProbeGrain")]
public interface INamedProbeGrain : IGrainWithStringKey
{
    /// <summary>The silo's address.</summary>
    [Alias("Where")]
    Task<string> WhereAsync();
}

/// <inheritdoc/>
[OnNamedSilo]
internal sealed class NamedProbeGrain(ILocalSiloDetails silo) : Grain, INamedProbeGrain
{
    public Task<string> WhereAsync() => Task.FromResult(silo.SiloAddress.ToParsableString());
}
