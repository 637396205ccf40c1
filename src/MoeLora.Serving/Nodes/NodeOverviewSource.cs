using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Engine.Batching;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tasks;
using MoeLora.Serving.Tenants;
using MoeLora.Tensors;

namespace MoeLora.Serving.Nodes;

/// <summary>The state of one node for people and dashboards.</summary>
internal sealed class NodeOverviewSource(NodeGrid grid, ITenantLimiter limiter, string name, TimeProvider time) : IGridOverview, ISiloOverview
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

    public ValueTask<GridResult<IReadOnlyList<SiloOverview>>> ListSilosAsync(CancellationToken cancellation = default)
    {
        BaseModelHost[] hosts = [.. grid.Bases];
        string[] devices = [.. hosts.Select(host => host.Model.Device.Name).Distinct(StringComparer.Ordinal)];
        EngineStatistics[] statistics = [.. hosts.Select(host => host.Engine.Statistics)];
        long memory = hosts.Length == 0 ? ProcessBytes : hosts.DistinctBy(host => host.DeviceId).Sum(host => host.Model.Device.MemoryBytes ?? ProcessBytes);
        BankRoutes[] banks = [.. grid.Routes.Banks];
        SiloTask[] tasks = [.. banks.SelectMany(bank => (bank.Active?.Loaded as LoadedVersion)?.Adapter.Tasks.Select(task => new SiloTask(bank.Bank, task.Name, 0, task.Running, task.MergedBytes)) ?? [])];
        return new(GridResult<IReadOnlyList<SiloOverview>>.Success(
        [
            new SiloOverview
            {
                Name = name,
                Phase = grid.Status.Phase,
                Started = _opened,
                ReportAgeSeconds = 0,
                DeviceKind = string.Join(", ", hosts.Select(host => host.DeviceKind).Distinct(StringComparer.Ordinal)),
                Devices = devices,
                MemoryBytes = memory,
                FreeBytes = Math.Max(0, memory - hosts.Sum(host => host.WeightBytes + host.KvBytes)),
                Running = statistics.Sum(each => each.Running),
                Waiting = statistics.Sum(each => each.Waiting),
                Banks =
                [
                    .. banks.Where(bank => bank.Active is not null || bank.Problem is not null).Select(bank => new SiloBank(
                        bank.Bank, bank.Active?.Key.Version.ToString(),
                        [.. bank.Versions.Values.Select(version => version.Served?.Key.Version.ToString()).OfType<string>().Order(StringComparer.Ordinal)], bank.Problem)),
                ],
                TaskCount = tasks.Length,
                Tasks = tasks,
            },
        ]));
    }

    private static long ProcessBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static EngineOverview Describe(BaseModelHost host)
    {
        EngineStatistics statistics = host.Engine.Statistics;
        return new EngineOverview
        {
            BaseModel = host.Name,
            BaseModelHash = $"sha256:{host.Hash}",
            Device = host.Model.Device.Name,
            DeviceKind = host.DeviceKind,
            DeviceId = host.DeviceId,
            DeviceMemoryBytes = host.Model.Device.MemoryBytes,
            Fault = host.Fault,
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
