using Microsoft.Extensions.Options;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Silos;

/// <summary>The board for people: what placement and routing go by.</summary>
internal sealed class BoardOverview(SiloBoard board, IOptions<PlacementOptions> placement) : ISiloOverview
{
    public ValueTask<GridResult<IReadOnlyList<SiloOverview>>> ListSilosAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<SiloOverview>>.Success([.. board.Reports.Select(Describe).OrderBy(silo => silo.Name, StringComparer.Ordinal).ThenBy(silo => silo.Address, StringComparer.Ordinal)]));

    private SiloOverview Describe(SiloReport report)
    {
        TimeSpan age = board.Age(report.Silo);
        return new SiloOverview
        {
            Name = report.Node,
            Address = report.Silo,
            Phase = report.Phase,
            IsSilent = age > placement.Value.SilentAfter,
            Started = report.Started,
            ReportAgeSeconds = age.TotalSeconds,
            DeviceKind = report.DeviceKind,
            Devices = [.. report.Bases.Select(each => each.Device).Distinct(StringComparer.Ordinal), .. report.Devices.Where(device => device.Fault is not null).Select(device => $"{device.Id} (lost)")],
            MemoryBytes = report.MemoryBytes,
            FreeBytes = report.FreeBytes,
            Running = report.Bases.Sum(each => each.Running),
            Waiting = report.Bases.Sum(each => each.Waiting),
            Banks = [.. report.Banks.OrderBy(bank => bank.Bank, StringComparer.Ordinal).Select(bank => new SiloBank(bank.Bank, bank.Active, bank.Loaded, bank.Problem))],
            TaskCount = report.TaskCount,
            Tasks = [.. report.Tasks.Select(Describe).OfType<SiloTask>().OrderBy(task => task.Bank, StringComparer.Ordinal).ThenBy(task => task.Task, StringComparer.Ordinal).ThenBy(task => task.Replica)],
        };
    }

    private static SiloTask? Describe(TaskReport task) =>
        TaskKey.TryParse(task.Key, out TaskKey? key) ? new SiloTask(key.Value.Bank, key.Value.Task, key.Value.Replica, task.Depth, task.Bytes) : null;
}
