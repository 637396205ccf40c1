using MoeLora.Grid.Messages;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Placement;

/// <summary>
/// What this process placed and reports do not count yet: without it, all grains placed between two reports would go to the same silo. Reports are built while
/// grains are on their way, so that only the second one after a placement surely counts it. Not safe for several callers at once.
/// </summary>
internal sealed class RecentPlacements
{
    private readonly Dictionary<string, Recent> _silos = new(StringComparer.Ordinal);

    /// <summary>A silo with what was placed there since its report.</summary>
    public SiloCandidate Describe(TaskKey key, SiloReport report)
    {
        if (!_silos.TryGetValue(report.Silo, out Recent? recent))
            return new SiloCandidate(report) { HasReplica = SiloCandidate.HasReplicaOf(key, report) };
        recent.ForgetBefore(report.Number - 1);
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
        private readonly Queue<(TaskKey Key, long Number, long Bytes)> _placed = [];
        private readonly Dictionary<(string Bank, string Task), List<int>> _replicas = [];

        public int Count => _placed.Count;

        public long Bytes { get; private set; }

        public bool HasOtherReplica(TaskKey key) => _replicas.TryGetValue((key.Bank, key.Task), out List<int>? replicas) && replicas.Exists(replica => replica != key.Replica);

        public void Add(TaskKey key, long number, long bytes)
        {
            _placed.Enqueue((key, number, bytes));
            Bytes += bytes;
            if (!_replicas.TryGetValue((key.Bank, key.Task), out List<int>? replicas))
                _replicas.Add((key.Bank, key.Task), replicas = []);
            replicas.Add(key.Replica);
        }

        public void ForgetBefore(long number)
        {
            while (_placed.TryPeek(out (TaskKey Key, long Number, long Bytes) first) && first.Number < number)
            {
                _placed.Dequeue();
                Bytes -= first.Bytes;
                List<int> replicas = _replicas[(first.Key.Bank, first.Key.Task)];
                replicas.Remove(first.Key.Replica);
                if (replicas.Count == 0)
                    _replicas.Remove((first.Key.Bank, first.Key.Task));
            }
        }
    }
}
