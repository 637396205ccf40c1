using MoeLora.Grid.Messages;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Placement;

/// <summary>
/// What this process placed and reports do not count yet: without it, all grains placed between two reports would go to the same silo. A placement is counted until a
/// report names the grain; at the latest until the second report, because the first may be built while the grain is on its way, and one that the second does not name
/// never came, or lives among too many to be named. Not safe for several callers at once.
/// </summary>
internal sealed class RecentPlacements
{
    private readonly Dictionary<string, Recent> _silos = new(StringComparer.Ordinal);

    /// <summary>A silo with what was placed there since its report.</summary>
    public SiloCandidate Describe(TaskKey key, SiloReport report)
    {
        if (!_silos.TryGetValue(report.Silo, out Recent? recent))
            return new SiloCandidate(report) { HasReplica = SiloCandidate.HasReplicaOf(key, report) };
        recent.Settle(report);
        return new SiloCandidate(report)
        {
            Placed = recent.Count,
            PlacedBytes = recent.Bytes,
            HasReplica = SiloCandidate.HasReplicaOf(key, report) || recent.HasOtherReplica(key),
        };
    }

    /// <summary>A grain goes to a silo.</summary>
    public void Add(TaskKey key, SiloReport report, long bytes)
    {
        if (!_silos.TryGetValue(report.Silo, out Recent? recent))
            _silos.Add(report.Silo, recent = new Recent());
        recent.Add(key, report.Number, bytes);
    }

    /// <summary>Forgets silos that have left.</summary>
    public void Keep(IReadOnlySet<string> silos)
    {
        foreach (string gone in _silos.Keys.Where(silo => !silos.Contains(silo)).ToArray())
            _silos.Remove(gone);
    }

    private sealed class Recent
    {
        private readonly Dictionary<TaskKey, (long Number, long Bytes)> _placed = [];
        private readonly Dictionary<(string Bank, string Task), int> _replicas = [];
        private long _settled;

        public int Count => _placed.Count;

        public long Bytes { get; private set; }

        public bool HasOtherReplica(TaskKey key) => _replicas.GetValueOrDefault((key.Bank, key.Task)) > (_placed.ContainsKey(key) ? 1 : 0);

        public void Add(TaskKey key, long number, long bytes)
        {
            Remove(key);
            _placed.Add(key, (number, bytes));
            Bytes += bytes;
            _replicas[(key.Bank, key.Task)] = _replicas.GetValueOrDefault((key.Bank, key.Task)) + 1;
        }

        public void Settle(SiloReport report)
        {
            if (report.Number == _settled)
                return;
            _settled = report.Number;
            foreach (TaskReport task in report.Tasks)
            {
                if (TaskKey.TryParse(task.Key, out TaskKey? key) && _placed.TryGetValue(key.Value, out (long Number, long Bytes) placed) && placed.Number < report.Number)
                    Remove(key.Value);
            }

            foreach (TaskKey key in _placed.Where(pair => pair.Value.Number < report.Number - 1).Select(pair => pair.Key).ToArray())
                Remove(key);
        }

        private void Remove(TaskKey key)
        {
            if (!_placed.Remove(key, out (long Number, long Bytes) placed))
                return;
            Bytes -= placed.Bytes;
            if (--_replicas[(key.Bank, key.Task)] == 0)
                _replicas.Remove((key.Bank, key.Task));
        }
    }
}
