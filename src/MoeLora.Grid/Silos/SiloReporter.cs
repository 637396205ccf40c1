using Microsoft.Extensions.Options;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Silos;

/// <summary>Builds what this silo says of itself.</summary>
internal sealed class SiloReporter(
    ISiloPeers peers, ISiloNode node, IBankReports banks, ResidentTasks tasks, IOptions<PlacementOptions> placement)
{
    /// <summary>Task grains that a report names; more are only counted. It keeps reports small where tens of thousands of tasks live on a silo.</summary>
    public const int MostTasks = 1000;

    private GridOverview? _overview;
    private long _number;

    /// <summary>Not for several callers at once.</summary>
    /// <param name="stopping">Whether the silo is about to leave, whatever its node says.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<SiloReport> BuildAsync(bool stopping, CancellationToken cancellation)
    {
        // A node that cannot describe itself just now still answers, as its status says; what it said last stands for its engines.
        if ((await node.Overview.DescribeAsync(cancellation)).TryGet(out GridOverview? overview, out _))
            _overview = overview;
        EngineOverview[] engines = [.. _overview?.Nodes.SelectMany(each => each.Engines) ?? []];
        TaskReport[] resident = [.. tasks.Reports];
        DeviceReport[] devices = [.. engines.GroupBy(engine => engine.DeviceId, StringComparer.Ordinal).Select(device => Describe(device, resident.Length * placement.Value.TaskBytes))];
        return new SiloReport
        {
            Silo = peers.Self,
            Node = node.Name,
            Number = ++_number,
            Phase = stopping ? GridPhase.Stopping : node.Grid.Status.Phase,
            DeviceKind = node.DeviceKind,
            MemoryBytes = devices.Length > 0 ? devices.Sum(device => device.MemoryBytes) : node.MemoryBytes,
            FreeBytes = devices.Length > 0 ? devices.Sum(device => device.FreeBytes) : node.MemoryBytes,
            Devices = devices,
            Bases = [.. engines.Where(engine => engine.Fault is null).Select(Describe)],
            Banks = [.. banks.Reports.Select(bank => engines.FirstOrDefault(engine => engine.Fault is not null && HashOf(engine) == bank.BaseModelHash) is { } lost ? bank with { Problem = lost.Fault } : bank)],
            Tasks = Describe(resident),
            TaskCount = resident.Length,
            Started = _overview?.Nodes.FirstOrDefault()?.Started,
            Gateway = peers.Gateway,
        };
    }

    private TaskReport[] Describe(TaskReport[] resident)
    {
        Dictionary<(string, string), long> merged = (_overview?.Tasks ?? []).Where(task => task.MergedBytes > 0).GroupBy(task => (task.Bank, task.Name))
            .ToDictionary(group => group.Key, group => group.Sum(task => task.MergedBytes));
        return
        [
            .. resident.OrderByDescending(task => task.Depth).ThenBy(task => task.Key, StringComparer.Ordinal).Take(MostTasks)
                .Select(task => merged.Count > 0 && TaskKey.TryParse(task.Key, out TaskKey? key) ? task with { Bytes = merged.GetValueOrDefault((key.Value.Bank, key.Value.Task)) } : task),
        ];
    }

    /// <summary>A device by the engines on it; a lost one has no room.</summary>
    private DeviceReport Describe(IGrouping<string, EngineOverview> engines, long tasks)
    {
        long memory = engines.First().DeviceMemoryBytes ?? node.MemoryBytes;
        string? fault = engines.Select(engine => engine.Fault).FirstOrDefault(each => each is not null);
        return new DeviceReport(
            engines.Key,
            string.Join(", ", engines.Select(engine => engine.DeviceKind).Distinct(StringComparer.Ordinal)),
            memory,
            fault is null ? Math.Max(0, memory - engines.Sum(engine => engine.WeightBytes + engine.KvBytes) - tasks) : 0,
            fault);
    }

    private static BaseReport Describe(EngineOverview engine) => new(HashOf(engine), engine.BaseModel, engine.Device, engine.Running, engine.Waiting) { DeviceId = engine.DeviceId };

    private static string HashOf(EngineOverview engine) =>
        engine.BaseModelHash.StartsWith("sha256:", StringComparison.Ordinal) ? engine.BaseModelHash["sha256:".Length..] : engine.BaseModelHash;
}
