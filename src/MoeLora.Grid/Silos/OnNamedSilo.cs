using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace MoeLora.Grid.Silos;

/// <summary>Places a grain on the silo whose address is its key, and nowhere else.</summary>
[GenerateSerializer, Immutable, Alias("moelora.on-named-silo")]
internal sealed class OnNamedSiloPlacement : PlacementStrategy;

/// <inheritdoc cref="OnNamedSiloPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OnNamedSiloAttribute() : PlacementAttribute(new OnNamedSiloPlacement());

/// <inheritdoc cref="OnNamedSiloPlacement"/>
internal sealed class OnNamedSiloDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string key = target.GrainIdentity.Key.ToString()!;
        return Task.FromResult(context.GetCompatibleSilos(target).FirstOrDefault(silo => silo.ToParsableString() == key)
            ?? throw new SiloUnavailableException($"The silo {key} is no longer part of the cluster."));
    }
}
