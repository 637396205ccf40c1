using System.Net;
using MoeLora.Cli.Nodes;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Hosting.Tls;
using MoeLora.Serving.Nodes;

namespace MoeLora.Silo;

/// <summary>A silo's configuration as a file says it: all of a node's, and its cluster. See the README of this room for what each key means.</summary>
internal sealed record SiloSettings : NodeSettings
{
    public ClusterSettings Cluster { get; init; } = new();

    /// <summary>Where the tenants are; null is the cluster's database.</summary>
    public string? Tenants { get; init; }

    public override IEnumerable<string> FindProblems()
    {
        foreach (string problem in base.FindProblems())
            yield return problem;
        foreach (string problem in Cluster.FindProblems(State))
            yield return problem;
        if (Tenants is null && Cluster.ToDatabase(State) is null)
            yield return "tenants: without cluster.database it must name one, which all silos share: the path of a SQLite file or a PostgreSQL connection string.";
    }

    public override NodeOptions ToNode()
    {
        NodeOptions node = base.ToNode();
        return node with { TenantDatabase = Tenants ?? Cluster.ToDatabase(State), Merging = node.Merging with { WhereHeld = true } };
    }
}

/// <summary>A cluster.</summary>
internal sealed record ClusterSettings
{
    private const string OwnFile = "cluster.db";

    public string Id { get; init; } = "moelora";

    public string Service { get; init; } = "moelora";

    /// <summary>A SQLite file or a PostgreSQL connection string; null is a file in the state directory, where nothing is in Redis.</summary>
    public string? Database { get; init; }

    public string? Redis { get; init; }

    public string Clustering { get; init; } = "database";

    public string Storage { get; init; } = "database";

    public string Address { get; init; } = "127.0.0.1";

    public string? Listen { get; init; }

    public int SiloPort { get; init; } = 11111;

    public int GatewayPort { get; init; } = 30000;

    public string FailureDetection { get; init; } = "default";

    public ClusterTlsSettings? Tls { get; init; }

    public IEnumerable<string> FindProblems(string state)
    {
        if (Store(Clustering) is null)
            yield return $"cluster.clustering: '{Clustering}' is none of database, redis.";
        if (Store(Storage) is null)
            yield return $"cluster.storage: '{Storage}' is none of database, redis.";
        if (Detection(FailureDetection) is null)
            yield return $"cluster.failure_detection: '{FailureDetection}' is none of default, fast.";
        if (!IPAddress.TryParse(Address, out _))
            yield return $"cluster.address: '{Address}' is no IP address.";
        if (Listen is not null && !IPAddress.TryParse(Listen, out _))
            yield return $"cluster.listen: '{Listen}' is no IP address.";
        foreach (string problem in ToSilo(state).FindProblems())
            yield return $"cluster.{problem}";
        foreach (string problem in Tls?.ToOptions().FindProblems() ?? [])
            yield return $"cluster.tls.{problem}";
    }

    public string? ToDatabase(string state) =>
        Database ?? (Store(Clustering) == ClusterStore.Redis && Store(Storage) == ClusterStore.Redis ? null : Path.Combine(state, OwnFile));

    /// <summary>What it says; a value that is not understood is the default, and a problem.</summary>
    public GridSiloOptions ToSilo(string state) => new()
    {
        Cluster = Id,
        Service = Service,
        Database = ToDatabase(state),
        Redis = Redis,
        Clustering = Store(Clustering) ?? default,
        Storage = Store(Storage) ?? default,
        Address = IPAddress.TryParse(Address, out IPAddress? address) ? address : IPAddress.Loopback,
        Listen = IPAddress.TryParse(Listen, out IPAddress? listen) ? listen : null,
        SiloPort = SiloPort,
        GatewayPort = GatewayPort,
        FailureDetection = Detection(FailureDetection) ?? default,
    };

    private static ClusterStore? Store(string name) => name switch
    {
        "database" => ClusterStore.Database,
        "redis" => ClusterStore.Redis,
        _ => null,
    };

    private static FailureDetection? Detection(string name) => name switch
    {
        "default" => Grid.Hosting.FailureDetection.Default,
        "fast" => Grid.Hosting.FailureDetection.Fast,
        _ => null,
    };
}

/// <summary>Certificates between silos.</summary>
internal sealed record ClusterTlsSettings
{
    public required string Certificate { get; init; }

    public string? Key { get; init; }

    public required string Authority { get; init; }

    public ClusterTlsOptions ToOptions() => new() { Certificate = Certificate, Key = Key, Authority = Authority };
}
