using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>The state of a cluster for people: its silos' together. A silo that does not answer in time is named with what it reported last.</summary>
internal sealed class ClusterOverview(IGrainFactory grains, SiloBoard board, ClusterRollouts rollouts, TimeProvider time) : IGridOverview
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default)
    {
        if (!(await rollouts.ListVersionsAsync(cancellation)).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out GridError? error))
            return error;
        GridOverview[] silos = await Task.WhenAll(board.Reports.OrderBy(report => report.Node, StringComparer.Ordinal).Select(report => DescribeAsync(report, cancellation)));
        return GridResult<GridOverview>.Success(new GridOverview
        {
            At = time.GetUtcNow(),
            Nodes = [.. silos.SelectMany(silo => silo.Nodes)],
            Versions = versions,
            Tasks = [.. silos.SelectMany(silo => silo.Tasks).GroupBy(task => (task.Bank, task.Version, task.TaskId)).Select(Join)],
            Tenants = [.. silos.SelectMany(silo => silo.Tenants).GroupBy(usage => usage.Tenant).Select(Join).OrderBy(usage => usage.Tenant.Text, StringComparer.Ordinal)],
        });
    }

    private async Task<GridOverview> DescribeAsync(SiloReport report, CancellationToken cancellation)
    {
        try
        {
            OverviewMessage message = await grains.GetGrain<ISiloGrain>(report.Silo).OverviewAsync().WaitAsync(Patience, time, cancellation);
            return message.ToOverview() ?? Silent(report, message.Error!.ToError().Message);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return Silent(report, "It does not answer now; its devices are as it reported last.");
        }
    }

    private GridOverview Silent(SiloReport report, string why) => new()
    {
        At = time.GetUtcNow(),
        Nodes = [new NodeOverview { Name = report.Node, Status = new GridStatus(GridPhase.Failed, why), Started = report.Started ?? DateTimeOffset.UnixEpoch, ProcessBytes = 0, Engines = [.. report.Bases.Select(Describe)] }],
        Versions = [],
        Tasks = [],
        Tenants = [],
    };

    /// <summary>What a silent silo reported of a base model; its report does not hold the rest.</summary>
    private static EngineOverview Describe(BaseReport model) => new()
    {
        BaseModel = model.Name,
        BaseModelHash = $"sha256:{model.Hash}",
        Device = model.Device,
        WeightsFormat = "",
        WeightBytes = 0,
        KvBlocks = 0,
        KvBlocksUsed = 0,
        Running = model.Running,
        Waiting = model.Waiting,
        PromptTokens = 0,
        GeneratedTokens = 0,
        Preemptions = 0,
    };

    /// <summary>A task that several silos hold: it is merged where it is on any.</summary>
    private static TaskOverview Join(IEnumerable<TaskOverview> held) => held.MaxBy(task => task.Mode == ServingMode.Merged)! with { Requests = held.Sum(task => task.Requests) };

    private static TenantUsage Join(IGrouping<Contracts.Tenants.TenantId, TenantUsage> used) => new(
        used.Key, used.Sum(each => each.Running), used.Sum(each => each.TokensLastMinute), used.Sum(each => each.RequestsLastMinute), used.First().Limits);
}
