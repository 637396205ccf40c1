using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>The other silos by the cluster's membership, told through their <see cref="ISiloGrain"/>.</summary>
internal sealed class ClusterPeers(ISiloStatusOracle membership, ILocalSiloDetails own, IGrainFactory grains) : ISiloPeers
{
    public string Self => membership.SiloAddress.ToParsableString();

    public string? Gateway => own.GatewayAddress?.Endpoint.ToString();

    public IReadOnlyCollection<string> Active =>
        [.. membership.GetActiveSilos().Where(silo => !silo.Equals(membership.SiloAddress)).Select(silo => silo.ToParsableString())];

    public IReadOnlySet<string> Members =>
        membership.GetApproximateSiloStatuses().Where(pair => pair.Value is not SiloStatus.Dead).Select(pair => pair.Key.ToParsableString())
            .Append(Self).ToHashSet(StringComparer.Ordinal);

    public async Task AnnounceAsync(string silo, SiloReport report)
    {
        ISiloGrain grain = grains.GetGrain<ISiloGrain>(silo);
        if (await grain.AnnounceAsync(report.WithTasks(_ => false)) is { Length: > 0 } missing)
            await grain.AnnounceAsync(report.WithTasks(bundle => missing.Contains(bundle, StringComparer.Ordinal)));
    }
}
