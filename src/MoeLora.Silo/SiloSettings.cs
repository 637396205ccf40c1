using System.Net;
using MoeLora.Cli.Nodes;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Hosting.Tls;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
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
        if (Name == new NodeSettings { State = "", Bases = [] }.Name && Cluster.IsShared(State))
            yield return "name: a silo of a cluster needs a name of its own.";
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

    /// <summary>A SQLite file or a PostgreSQL connection string; null is a file in the state directory, for a silo alone: not where anything is in Redis.</summary>
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

    /// <summary>Whether nobody can reach the ports of silos but silos and clients, so that they may be without <see cref="Tls"/>.</summary>
    public bool TrustedNetwork { get; init; }

    /// <summary>The process's memory for weights and keys and values; null is what it may use, all of the machine's where nothing limits it. GPUs have memory of their own.</summary>
    public int? MemoryMb { get; init; }

    /// <summary>A folder of bundles that all silos see; null for none.</summary>
    public string? Bundles { get; init; }

    public PlacementSettings Placement { get; init; } = new();

    public ReplicaSettings Replicas { get; init; } = new();

    public AnnouncementSettings Announcements { get; init; } = new();

    /// <summary>How long a request that no silo can take, or an answer whose silo was lost, is tried elsewhere.</summary>
    public double PatienceSeconds { get; init; } = 30;

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
        if (Tls is null && !TrustedNetwork && new[] { Address, Listen }.Any(each => IPAddress.TryParse(each, out IPAddress? open) && !IPAddress.IsLoopback(open)))
            yield return "cluster.tls: other machines reach this silo, and whoever does is part of the cluster: set certificates, or trusted_network: true where only silos and clients reach it.";
        if (MemoryMb is < 1)
            yield return $"cluster.memory_mb: must be at least 1, not {MemoryMb}.";
        if (Bundles is not null && !Directory.Exists(Bundles))
            yield return $"cluster.bundles: there is no directory '{Bundles}'.";
        if (!(PatienceSeconds is > 0 and <= 3600))
            yield return "cluster.patience_seconds: must be above 0 and at most 3600.";
        foreach (string problem in Applied<PlacementOptions>(Placement.Apply).FindProblems())
            yield return $"cluster.placement: {problem}";
        foreach (string problem in Applied<ReplicaOptions>(Replicas.Apply).FindProblems())
            yield return $"cluster.replicas: {problem}";
        foreach (string problem in Applied<AnnouncementOptions>(Announcements.Apply).FindProblems())
            yield return $"cluster.announcements: {problem}";
    }

    /// <summary>Whether other silos can be part of the cluster: its members are not in the silo's own file.</summary>
    public bool IsShared(string state) => ToDatabase(state) != OwnDatabase(state);

    /// <summary>Gives a silo what it says of the grid.</summary>
    public void Configure(ISiloBuilder silo) => silo
        .Configure<PlacementOptions>(Placement.Apply)
        .Configure<ReplicaOptions>(Replicas.Apply)
        .Configure<AnnouncementOptions>(Announcements.Apply)
        .Configure<ClusterRequestOptions>(requests => requests.Patience = Times.Seconds(PatienceSeconds))
        .Configure<BundleSharingOptions>(sharing => sharing.SharedFolder = Bundles);

    public string? ToDatabase(string state) =>
        Database ?? (Store(Clustering) == ClusterStore.Redis || Store(Storage) == ClusterStore.Redis ? null : OwnDatabase(state));

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

    private static string OwnDatabase(string state) => Path.Combine(state, OwnFile);

    private static T Applied<T>(Action<T> apply)
        where T : new()
    {
        var options = new T();
        apply(options);
        return options;
    }

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
