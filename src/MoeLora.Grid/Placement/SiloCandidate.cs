using MoeLora.Grid.Messages;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Placement;

/// <summary>A silo as placement sees it for one task: its report, and what has been placed there since.</summary>
internal sealed record SiloCandidate(SiloReport Report)
{
    /// <summary>Task grains placed there that the report does not count yet.</summary>
    public int Placed { get; init; }

    /// <summary>What was set aside for them, in bytes.</summary>
    public long PlacedBytes { get; init; }

    /// <summary>Whether another replica of the task is there, or on its way.</summary>
    public bool HasReplica { get; init; }

    /// <summary>Whether the silo has not reported for longer than it should.</summary>
    public bool IsSilent { get; init; }

    /// <summary>Bytes that are left.</summary>
    public long FreeBytes => Report.FreeBytes - PlacedBytes;

    /// <summary>Bytes of the device that computes a base model, and how many of them are left; of the whole silo where its devices are not known.</summary>
    /// <param name="baseModelHash">64 digits.</param>
    public (long Memory, long Free) RoomFor(string baseModelHash) =>
        Report.FindDevice(baseModelHash) is { } device ? (device.MemoryBytes, device.FreeBytes - PlacedBytes) : (Report.MemoryBytes, FreeBytes);

    /// <summary>
    /// Sequences and task grains for each byte of memory: the only measure of a device's size that every silo reports. An idle task grain counts as much as a sequence,
    /// so that tasks spread out before they are busy.
    /// </summary>
    public double RelativeLoad => (Report.Load + Math.Max(Report.TaskCount, Report.Tasks.Length) + Placed) / (double)Math.Max(1, Report.MemoryBytes);

    /// <summary>Whether the bank's active version is in its memory.</summary>
    public bool Holds(string bank) => Report.FindBank(bank) is { Active: { } active } known && known.Loaded.Contains(active, StringComparer.Ordinal);

    /// <summary>Whether a report names another replica of a task.</summary>
    public static bool HasReplicaOf(TaskKey key, SiloReport report)
    {
        string prefix = $"{key.Bank}/{key.Task}/", self = key.ToString();
        foreach (TaskReport task in report.Tasks)
        {
            if (task.Key.StartsWith(prefix, StringComparison.Ordinal) && task.Key.IndexOf('/', prefix.Length) < 0 && task.Key != self)
                return true;
        }

        return false;
    }
}
