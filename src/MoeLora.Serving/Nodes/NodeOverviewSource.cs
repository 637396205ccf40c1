using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Engine.Batching;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Tasks;
using MoeLora.Serving.Tenants;
using MoeLora.Tensors;

namespace MoeLora.Serving.Nodes;

/// <summary>The state of one node for people and dashboards.</summary>
internal sealed class NodeOverviewSource(NodeGrid grid, ITenantLimiter limiter, string name, TimeProvider time) : IGridOverview
{
    private readonly DateTimeOffset _opened = time.GetUtcNow();

    public async ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default)
    {
        if (!(await grid.Rollouts.ListVersionsAsync(cancellation)).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out GridError? error))
            return error;
        using var process = Process.GetCurrentProcess();
        return GridResult<GridOverview>.Success(new GridOverview
        {
            At = time.GetUtcNow(),
            Nodes =
            [
                new NodeOverview
                {
                    Name = name,
                    Status = grid.Status,
                    Started = _opened,
                    ProcessBytes = process.WorkingSet64,
                    Engines = [.. grid.Bases.Select(Describe)],
                },
            ],
            Versions = versions,
            Tasks = [.. grid.Versions().SelectMany(version => version.Adapter.Tasks).Select(Describe)],
            Tenants = limiter.DescribeUsage(),
        });
    }

    private static EngineOverview Describe(BaseModelHost host)
    {
        EngineStatistics statistics = host.Engine.Statistics;
        return new EngineOverview
        {
            BaseModel = host.Name,
            BaseModelHash = $"sha256:{host.Hash}",
            Device = host.Model.Device.Name,
            WeightsFormat = host.Model.WeightFormat.Name(),
            WeightBytes = host.WeightBytes,
            KvBytes = host.KvBytes,
            KvBlocks = statistics.Blocks,
            KvBlocksUsed = statistics.UsedBlocks,
            Running = statistics.Running,
            Waiting = statistics.Waiting,
            PromptTokens = statistics.PromptTokens,
            GeneratedTokens = statistics.GeneratedTokens,
            Preemptions = statistics.Preemptions,
        };
    }

    private static TaskOverview Describe(LoadedTask task)
    {
        var manifest = task.Adapter!.Adapter.Manifest!;
        return new TaskOverview(manifest.Name.ToString(), manifest.Version.ToString(), task.Task!.Id, task.Name, task.Mode, task.GateWeights, task.Requests)
        {
            MergedBytes = task.MergedBytes,
        };
    }
}
