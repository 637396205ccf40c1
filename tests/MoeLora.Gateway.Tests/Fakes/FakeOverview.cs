using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Tests.Fakes;

internal sealed class FakeOverview : IGridOverview, ISiloOverview
{
    public ValueTask<GridResult<IReadOnlyList<SiloOverview>>> ListSilosAsync(CancellationToken cancellation = default) => new(GridResult<IReadOnlyList<SiloOverview>>.Success(
    [
        new SiloOverview
        {
            Name = "silo-1",
            Address = "10.0.0.1:11111@7",
            Phase = GridPhase.Loading,
            IsSilent = true,
            Started = DateTimeOffset.UnixEpoch,
            ReportAgeSeconds = 1.5,
            DeviceKind = "cuda",
            Devices = ["cuda:0"],
            MemoryBytes = 9,
            FreeBytes = 4,
            Running = 2,
            Waiting = 1,
            Banks = [new SiloBank("triage", "2", ["1", "2"], "too large")],
            TaskCount = 5,
            Tasks = [new SiloTask("triage", "医学-triage", 1, 3, 8)],
        },
    ]));

    public ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default) => new(GridResult<GridOverview>.Success(new GridOverview
    {
        At = DateTimeOffset.UnixEpoch,
        Nodes = [new NodeOverview { Name = "node-1", Status = new GridStatus(GridPhase.Ready, "Ready."), Started = DateTimeOffset.UnixEpoch, ProcessBytes = 5, Engines = [] }],
        Versions = [FakeRollouts.Status],
        Tasks = [new TaskOverview("triage", "2", 2, "医学-triage", ServingMode.Merged, [[0.25f, 0.75f]], 9)],
        Tenants = [new TenantUsage(FakeDirectory.Ward, 1, 2, 3, TenantLimits.None)],
    }));
}
