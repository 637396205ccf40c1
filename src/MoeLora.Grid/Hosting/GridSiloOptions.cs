using System.Net;

namespace MoeLora.Grid.Hosting;

/// <summary>How soon a silo that does not answer counts as dead.</summary>
public enum FailureDetection
{
    /// <summary>Within about 15 seconds. Forgives machines that stand still for some seconds.</summary>
    Default,

    /// <summary>Within about a second and a half, by the word of one silo: for machines that are never so busy that a silo does not answer for a second.</summary>
    Fast,
}

/// <summary>A silo of a cluster.</summary>
public sealed record GridSiloOptions : GridClusterOptions
{
    /// <summary>The address at which other silos and clients reach it.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The address at which it listens; null is <see cref="Address"/>.</summary>
    public IPAddress? Listen { get; init; }

    /// <summary>The port for other silos.</summary>
    public int SiloPort { get; init; } = 11111;

    /// <summary>The port for clients of the cluster.</summary>
    public int GatewayPort { get; init; } = 30000;

    /// <summary>Where grains keep their state.</summary>
    public ClusterStore Storage { get; init; }

    /// <summary>How soon a silo that does not answer counts as dead. The same in all silos.</summary>
    public FailureDetection FailureDetection { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>(base.FindProblems());
        FindMissing("storage", Storage, problems);
        FindPort("silo_port", SiloPort);
        FindPort("gateway_port", GatewayPort);
        if (SiloPort == GatewayPort)
            problems.Add("gateway_port: it must not be the silo_port.");
        if (Address.Equals(IPAddress.Any) || Address.Equals(IPAddress.IPv6Any))
            problems.Add("address: others cannot reach a silo at every address; name the one, and listen: 0.0.0.0 where it should listen at all.");
        return problems;

        void FindPort(string key, int port)
        {
            if (port is < 1 or > 65535)
                problems.Add($"{key}: it must be between 1 and 65535.");
        }
    }
}
