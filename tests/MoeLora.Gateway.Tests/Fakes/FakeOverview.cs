using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Tests.Fakes;

internal sealed class FakeOverview : IGridOverview
{
    public ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default) => new(GridResult<GridOverview>.Success(new GridOverview
    {
        At = DateTimeOffset.UnixEpoch,
        Nodes = [new NodeOverview { Name = "node-1", Status = new GridStatus(GridPhase.Ready, "Ready."), Started = DateTimeOffset.UnixEpoch, ProcessBytes = 5, Engines = [] }],
        Versions = [FakeRollouts.Status],
        Tasks = [new TaskOverview("triage", "2", 2, "医学-triage", ServingMode.Merged, [[0.25f, 0.75f]], 9)],
        Tenants = [new TenantUsage(FakeDirectory.Ward, 1, 2, 3, TenantLimits.None)],
    }));
}
