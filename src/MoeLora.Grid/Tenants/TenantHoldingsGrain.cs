using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Silos;
using Orleans.Concurrency;

namespace MoeLora.Grid.Tenants;

/// <inheritdoc cref="ITenantHoldingsGrain"/>
[Reentrant, OnNamedSilo]
internal sealed class TenantHoldingsGrain(IEnumerable<ClusterLimiter> limiters) : Grain, ITenantHoldingsGrain
{
    // A silo whose node limits by itself holds nothing of the cluster's.
    public Task<TenantHeldMessage> HeldAsync(string tenant) =>
        Task.FromResult(limiters.FirstOrDefault()?.DescribeHeld(TenantId.Parse(tenant)) ?? new TenantHeldMessage([], 0, 0));
}
