using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Silos;

/// <summary>What a process knows of all silos: the last report of each. Read by placement and routing without waiting. Safe for any number of callers.</summary>
internal sealed class SiloBoard(TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>The last report of every silo that has not left.</summary>
    public IReadOnlyCollection<SiloReport> Reports => [.. _entries.Values.Select(entry => entry.Report)];

    /// <summary>Those that take requests.</summary>
    public IEnumerable<SiloReport> Ready => _entries.Values.Where(entry => entry.Report.Phase == GridPhase.Ready).Select(entry => entry.Report);

    public SiloReport? Find(string silo) => _entries.GetValueOrDefault(silo)?.Report;

    /// <summary>A bank's base model, 64 digits, by the silo that knows its newest state; null where none reports the bank.</summary>
    public string? FindBaseModel(string bank) => _entries.Values.Select(entry => entry.Report.FindBank(bank)).OfType<BankReport>().MaxBy(each => each.Revision)?.BaseModelHash;

    /// <summary>How long ago the last report of a silo came; the longest time there is where none did.</summary>
    public TimeSpan Age(string silo) => _entries.TryGetValue(silo, out Entry? entry) ? _time.GetElapsedTime(entry.Received) : TimeSpan.MaxValue;

    /// <summary>Where a task grain lives and what it has to do: on a silo that takes requests, if one that does names it. Null where no report names it.</summary>
    public (SiloReport Report, int Depth)? FindTask(TaskKey key)
    {
        (SiloReport Report, int Depth)? found = null;
        foreach (Entry entry in _entries.Values)
        {
            if (!entry.Depths.TryGetValue(key, out int depth))
                continue;
            found = (entry.Report, depth);
            if (entry.Report.Phase == GridPhase.Ready)
                break;
        }

        return found;
    }

    /// <summary>Is cancelled when the silo leaves, or the way to it is in doubt; none for a silo that has not reported or has left already.</summary>
    public CancellationToken Presence(string silo) => _entries.TryGetValue(silo, out Entry? entry) ? entry.Presence.Token : CancellationToken.None;

    /// <summary>Takes a report, unless it or a later one is there: that it is repeated says nothing of its silo.</summary>
    /// <returns>Bundles whose tasks it leaves out and no report here has; where there are any it was not taken, and should come again with them.</returns>
    public string[] Receive(SiloReport report)
    {
        if (Array.Exists(report.Banks, bank => bank.LacksTasks))
        {
            BankReport[] banks = [.. report.Banks.Select(bank => bank.LacksTasks && FindTasks(bank) is { } tasks ? bank with { Tasks = tasks } : bank)];
            string[] missing = [.. banks.Where(bank => bank.LacksTasks).Select(bank => bank.TasksOf!)];
            if (missing.Length > 0)
                return missing;
            report = report with { Banks = banks };
        }

        var entry = new Entry(report, _time.GetTimestamp(), new CancellationTokenSource());
        _entries.AddOrUpdate(report.Silo, entry, (_, known) => known.Report.Number >= report.Number ? known : entry with { Presence = known.Presence });
        return [];
    }

    /// <summary>Bundles whose tasks are known here.</summary>
    public IEnumerable<string> KnownTasks => _entries.Values.SelectMany(entry => entry.Report.Banks).Select(bank => bank.TasksOf).OfType<string>().Distinct(StringComparer.Ordinal);

    /// <summary>Forgets silos that are no longer part of the cluster.</summary>
    public void Keep(IReadOnlySet<string> silos)
    {
        foreach (string gone in _entries.Keys.Where(silo => !silos.Contains(silo)))
            Remove(gone);
    }

    /// <summary>What was asked may not have arrived, or its answer may not: a silo was lost that messages to others went through.</summary>
    public void Doubt()
    {
        foreach ((string silo, Entry entry) in _entries)
        {
            if (_entries.TryUpdate(silo, entry with { Presence = new CancellationTokenSource() }, entry))
                _ = entry.Presence.CancelAsync();
        }
    }

    /// <summary>Forgets a silo: it has left.</summary>
    public void Remove(string silo)
    {
        if (_entries.TryRemove(silo, out Entry? entry))
            _ = entry.Presence.CancelAsync(); // who waits for it goes on elsewhere, not on this thread
    }

    private Dictionary<int, string>? FindTasks(BankReport bank) =>
        _entries.Values.Select(entry => entry.Report.FindBank(bank.Bank)).FirstOrDefault(known => known?.TasksOf == bank.TasksOf)?.Tasks;

    private sealed record Entry(SiloReport Report, long Received, CancellationTokenSource Presence)
    {
        public Dictionary<TaskKey, int> Depths { get; } = IndexTasks(Report);

        private static Dictionary<TaskKey, int> IndexTasks(SiloReport report)
        {
            var depths = new Dictionary<TaskKey, int>(report.Tasks.Length);
            foreach (TaskReport task in report.Tasks)
            {
                if (TaskKey.TryParse(task.Key, out TaskKey? key))
                    depths[key.Value] = task.Depth;
            }

            return depths;
        }
    }
}
