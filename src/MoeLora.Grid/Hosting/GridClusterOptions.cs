namespace MoeLora.Grid.Hosting;

/// <summary>Where a cluster keeps what all of it must know.</summary>
public enum ClusterStore
{
    /// <summary><see cref="GridClusterOptions.Database"/>.</summary>
    Database,

    /// <summary><see cref="GridClusterOptions.Redis"/>.</summary>
    Redis,
}

/// <summary>Which cluster, and where its members are found. Silos and their clients say the same.</summary>
public record GridClusterOptions
{
    /// <summary>The cluster's name: silos of one name find each other.</summary>
    public string Cluster { get; init; } = "moelora";

    /// <summary>The name under which grains keep their state; it outlives clusters.</summary>
    public string Service { get; init; } = "moelora";

    /// <summary>A PostgreSQL connection string, or the path of a SQLite file for silos of one machine. Made and brought up to date by whoever comes first.</summary>
    public string? Database { get; init; }

    /// <summary>A Redis server as StackExchange.Redis reads it, such as <c>host:6379,password=…</c>.</summary>
    public string? Redis { get; init; }

    /// <summary>Where the members are.</summary>
    public ClusterStore Clustering { get; init; }

    /// <summary>Everything that is wrong, each with the key that a configuration file has for it; empty when nothing is.</summary>
    public virtual IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (string.IsNullOrWhiteSpace(Cluster))
            problems.Add("id: a cluster needs a name.");
        if (string.IsNullOrWhiteSpace(Service))
            problems.Add("service: a name is needed.");
        FindMissing("clustering", Clustering, problems);
        if (Redis is not null && RedisProblem(Redis) is { } unreadable)
            problems.Add($"redis: {unreadable}");
        if (Database is not null && DatabaseProblem(Database) is { } unusable)
            problems.Add($"database: {unusable}");
        return problems;
    }

    private protected void FindMissing(string key, ClusterStore store, List<string> problems)
    {
        if (store == ClusterStore.Database && string.IsNullOrWhiteSpace(Database))
            problems.Add($"{key}: it needs a database, the path of a SQLite file or a PostgreSQL connection string.");
        if (store == ClusterStore.Redis && string.IsNullOrWhiteSpace(Redis))
            problems.Add($"{key}: it needs redis, a server such as host:6379.");
    }

    private static string? DatabaseProblem(string text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null; // missing is said where it is needed
        try
        {
            Serving.State.StateDatabase.ParseShared(text).Dispose();
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }

    private static string? RedisProblem(string text)
    {
        try
        {
            return StackExchange.Redis.ConfigurationOptions.Parse(text).EndPoints.Count > 0 ? null : "it names no server; write host:6379.";
        }
        catch (ArgumentException)
        {
            return "it cannot be read; write host:6379, with options such as password=… and ssl=true after commas."; // not repeated: it may hold a password
        }
    }
}
