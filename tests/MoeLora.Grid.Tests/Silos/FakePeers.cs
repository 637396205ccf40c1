using System.Collections.Concurrent;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Silos that keep what they are told.</summary>
internal sealed class FakePeers(params string[] others) : ISiloPeers
{
    public string Self => "self";

    public string? Gateway => "10.0.0.1:30000";

    public IReadOnlyCollection<string> Active { get; set; } = others;

    public IReadOnlySet<string> Members => Active.Append(Self).ToHashSet(StringComparer.Ordinal);

    public ConcurrentQueue<(string Silo, SiloReport Report)> Told { get; } = [];

    /// <summary>Silos that answer only when this ends.</summary>
    public ConcurrentDictionary<string, Task> Slow { get; } = [];

    public async Task AnnounceAsync(string silo, SiloReport report)
    {
        Told.Enqueue((silo, report));
        if (Slow.TryGetValue(silo, out Task? until))
            await until;
    }

    public IEnumerable<SiloReport> To(string silo) => Told.Where(each => each.Silo == silo).Select(each => each.Report);
}
