using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>What a process knows of all silos: the last report of each. Read by placement and routing without waiting. Safe for any number of callers.</summary>
internal sealed class SiloBoard
{
    private readonly ConcurrentDictionary<string, SiloReport> _reports = new(StringComparer.Ordinal);

    /// <summary>The last report of every silo that has not left.</summary>
    public IReadOnlyCollection<SiloReport> Reports => (IReadOnlyCollection<SiloReport>)_reports.Values;

    /// <summary>Those that take requests.</summary>
    public IEnumerable<SiloReport> Ready => _reports.Values.Where(report => report.Phase == GridPhase.Ready);

    public SiloReport? Find(string silo) => _reports.GetValueOrDefault(silo);

    /// <summary>Takes a report, unless a later one is there.</summary>
    public void Receive(SiloReport report) => _reports.AddOrUpdate(report.Silo, report, (_, known) => known.Number > report.Number ? known : report);

    /// <summary>Forgets silos that are no longer part of the cluster.</summary>
    public void Keep(IReadOnlySet<string> silos)
    {
        foreach (string gone in _reports.Keys.Where(silo => !silos.Contains(silo)))
            _reports.TryRemove(gone, out _);
    }
}
