using System.Globalization;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace MoeLora.Grid.Silos;

/// <summary>What is fixed about a silo, as the metadata that Orleans fetches when it joins: other silos, and the dashboard, know it before the first report.</summary>
internal static class SiloFacts
{
    private const string Node = "moelora.node", Device = "moelora.device", Memory = "moelora.memory";

    /// <summary>A silo's metadata.</summary>
    /// <remarks>Memory of other devices than the process's cores is known when they are open, and then it is in the reports.</remarks>
    public static Dictionary<string, string> Of(ISiloNode node)
    {
        var facts = new Dictionary<string, string>(StringComparer.Ordinal) { [Node] = node.Name, [Device] = node.DeviceKind };
        if (node.DeviceKind == "cpu")
            facts.Add(Memory, node.MemoryBytes.ToString(CultureInfo.InvariantCulture));
        return facts;
    }

    /// <summary>A silo for people: its node's name, its address and its devices, as far as they are known.</summary>
    public static string Describe(string silo, SiloMetadata metadata) => metadata.Metadata.TryGetValue(Node, out string? node)
        ? $"{node} ({silo}, {metadata.Metadata[Device]}{(metadata.Metadata.TryGetValue(Memory, out string? memory) ? $" with {memory} bytes" : "")})"
        : silo;
}
