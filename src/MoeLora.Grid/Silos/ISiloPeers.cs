using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>The other silos, for this one's announcements.</summary>
internal interface ISiloPeers
{
    /// <summary>This silo.</summary>
    string Self { get; }

    /// <summary>Where this silo takes clients, as <c>address:port</c>; null where nowhere.</summary>
    string? Gateway { get; }

    /// <summary>The others that can be told something.</summary>
    IReadOnlyCollection<string> Active { get; }

    /// <summary>All that have not left, this one included.</summary>
    IReadOnlySet<string> Members { get; }

    /// <summary>Tells one; ends when it has been told or cannot be.</summary>
    Task AnnounceAsync(string silo, SiloReport report);
}
