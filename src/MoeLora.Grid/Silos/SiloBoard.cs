using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;

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

    /// <summary>How long ago the last report of a silo came; the longest time there is where none did.</summary>
    public TimeSpan Age(string silo) => _entries.TryGetValue(silo, out Entry? entry) ? _time.GetElapsedTime(entry.Received) : TimeSpan.MaxValue;

    /// <summary>Takes a report, unless a later one is there.</summary>
    public void Receive(SiloReport report)
    {
        var entry = new Entry(report, _time.GetTimestamp());
        _entries.AddOrUpdate(report.Silo, entry, (_, known) => known.Report.Number > report.Number ? known : entry);
    }

    /// <summary>Forgets silos that are no longer part of the cluster.</summary>
    public void Keep(IReadOnlySet<string> silos)
    {
        foreach (string gone in _entries.Keys.Where(silo => !silos.Contains(silo)))
            _entries.TryRemove(gone, out _);
    }

    private sealed record Entry(SiloReport Report, long Received);
}
