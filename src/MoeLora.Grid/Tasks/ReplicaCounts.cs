using MoeLora.Contracts;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Tasks;

/// <summary>
/// Which replica of a task answers a request, and how many there are. Each process that sends requests decides for itself, by what the silos report of all
/// processes' requests and by its own since: a task gets another replica when even the least busy one is deep and another silo has room, and gives one back when the
/// others would do. Of two replicas drawn at random the less deep one answers. Safe for any number of callers.
/// </summary>
/// <param name="board">What silos report.</param>
/// <param name="options">When to grow and shrink.</param>
/// <param name="placement">What placement counts with.</param>
/// <param name="time">The clock.</param>
/// <param name="random">Draws replicas; used by this object alone.</param>
internal sealed class ReplicaCounts(SiloBoard board, ReplicaOptions options, PlacementOptions placement, TimeProvider time, Random random) : IReplicas
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Bank, string Task), RoutedTask> _tasks = [];

    /// <summary>Tasks that it remembers: those with requests or with several replicas.</summary>
    public int Kept
    {
        get
        {
            lock (_lock)
                return _tasks.Count;
        }
    }

    /// <summary>How many replicas the task has for this process.</summary>
    public int Count(string bank, string task)
    {
        lock (_lock)
            return _tasks.TryGetValue((bank, task), out RoutedTask? routed) ? routed.Count : 1;
    }

    /// <inheritdoc/>
    public TaskKey Choose(string bank, string task, int? avoid = null)
    {
        lock (_lock)
            return new TaskKey(bank, task, Choose(Find(bank, task), avoid));
    }

    /// <inheritdoc/>
    public IDisposable Begin(TaskKey replica)
    {
        lock (_lock)
            Find(replica.Bank, replica.Task).Replica(replica.Replica).InFlight++;
        return new ReplicaLease(replica, End);
    }

    private RoutedTask Find(string bank, string task)
    {
        if (!_tasks.TryGetValue((bank, task), out RoutedTask? routed))
            _tasks.Add((bank, task), routed = new RoutedTask(bank, task, time.GetTimestamp()));
        return routed;
    }

    private void End(TaskKey key)
    {
        lock (_lock)
        {
            RoutedTask routed = _tasks[(key.Bank, key.Task)];
            routed.Replica(key.Replica).InFlight--;
            if (routed.Count > 1)
                Shrink(routed, [.. Enumerable.Range(0, routed.Count).Select(replica => Depth(routed, replica))]);
            if (routed.Count == 1 && routed.IsIdle)
                _tasks.Remove((key.Bank, key.Task));
        }
    }

    private int Choose(RoutedTask routed, int? avoid)
    {
        int[] depths = [.. Enumerable.Range(0, routed.Count).Select(replica => Depth(routed, replica))];
        Shrink(routed, depths);
        List<int> usable = [.. Enumerable.Range(0, routed.Count).Where(replica => replica != avoid && IsUsable(routed, replica))];
        if (usable.Count == 0)
        {
            // All live on silos that stop or are silent, or have just failed: one that lives elsewhere answers, or a new one, if another silo has room.
            int[] more = [.. Enumerable.Range(routed.Count, options.Most + 1).Where(replica => replica != avoid && IsUsable(routed, replica))];
            int living = Array.FindIndex(more, replica => board.FindTask(new TaskKey(routed.Bank, routed.Task, replica)) is not null);
            return living >= 0 ? more[living] : more.Length > 0 && HasRoomForAnother(routed) ? more[0] : avoid ?? 0;
        }

        if (usable.Min(replica => depths[replica]) >= options.GrowAt && TryGrow(routed))
            return routed.Count - 1;
        if (usable.Count == 1)
            return usable[0];
        int first = random.Next(usable.Count), second = random.Next(usable.Count - 1);
        second += second >= first ? 1 : 0;
        return depths[usable[second]] < depths[usable[first]] ? usable[second] : usable[first];
    }

    private bool TryGrow(RoutedTask routed)
    {
        long now = time.GetTimestamp();
        if (routed.Count >= options.Most || (routed.Count > 1 && time.GetElapsedTime(routed.Grown, now) < options.Settle) || !HasRoomForAnother(routed))
            return false;
        routed.Count++;
        routed.Grown = now;
        routed.QuietSince = now;
        return true;
    }

    /// <summary>A quiet task gives back one replica for each time span that it was quiet: it may have been asked nothing in the meantime.</summary>
    private void Shrink(RoutedTask routed, int[] depths)
    {
        long now = time.GetTimestamp();
        while (routed.Count > 1)
        {
            if (2L * depths.Sum() > (long)options.GrowAt * (routed.Count - 1))
            {
                routed.QuietSince = now;
                return;
            }

            if (time.GetElapsedTime(routed.QuietSince, now) < options.Quiet)
                return;
            routed.QuietSince += (long)(options.Quiet.TotalSeconds * time.TimestampFrequency);
            routed.Count--;
        }
    }

    /// <summary>What the replica's silo reported last, and what this process began and ended there since; its own requests at least.</summary>
    private int Depth(RoutedTask routed, int replica)
    {
        RoutedReplica counted = routed.Replica(replica);
        if (board.FindTask(new TaskKey(routed.Bank, routed.Task, replica)) is not { } found)
            return counted.InFlight;
        if (counted.Silo != found.Report.Silo || counted.Number != found.Report.Number)
            (counted.Silo, counted.Number, counted.InFlightThen) = (found.Report.Silo, found.Report.Number, counted.InFlight);
        return Math.Max(counted.InFlight, found.Depth + counted.InFlight - counted.InFlightThen);
    }

    private bool IsUsable(RoutedTask routed, int replica) =>
        board.FindTask(new TaskKey(routed.Bank, routed.Task, replica)) is not { } found
        || (found.Report.Phase == GridPhase.Ready && board.Age(found.Report.Silo) <= placement.SilentAfter && found.Report.FindBank(routed.Bank) is { Problem: null });

    private bool HasRoomForAnother(RoutedTask routed)
    {
        var key = new TaskKey(routed.Bank, routed.Task, int.MaxValue);
        return board.FindBaseModel(routed.Bank) is { } baseModel && board.Reports.Any(report =>
            !SiloCandidate.HasReplicaOf(key, report) && SiloChoice.FindLack(key, baseModel, new SiloCandidate(report), placement) is null);
    }

    private sealed class RoutedTask(string bank, string task, long now)
    {
        private readonly List<RoutedReplica> _replicas = [];

        public string Bank { get; } = bank;

        public string Task { get; } = task;

        public int Count { get; set; } = 1;

        public long Grown { get; set; } = now;

        public long QuietSince { get; set; } = now;

        public bool IsIdle => _replicas.TrueForAll(replica => replica.InFlight == 0);

        public RoutedReplica Replica(int number)
        {
            while (_replicas.Count <= number)
                _replicas.Add(new RoutedReplica());
            return _replicas[number];
        }
    }

    private sealed class RoutedReplica
    {
        public int InFlight { get; set; }

        /// <summary>The report that <see cref="InFlightThen"/> belongs to.</summary>
        public string? Silo { get; set; }

        public long Number { get; set; }

        /// <summary>This process's requests in it when that report was first seen.</summary>
        public int InFlightThen { get; set; }
    }
}
