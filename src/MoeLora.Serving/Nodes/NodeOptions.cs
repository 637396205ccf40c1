using MoeLora.Adapters.Bundles;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Nodes;

/// <summary>What a node is made of.</summary>
public sealed record NodeOptions
{
    /// <summary>Its name in provenance, audit and overview: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, at most 64.</summary>
    public string Name { get; init; } = "node";

    /// <summary>Where it keeps bundles, the audit trail and, without <see cref="Database"/>, a SQLite file. It belongs to one node.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>A PostgreSQL connection string or the path of a SQLite file; null is <c>state.db</c> in the state directory.</summary>
    public string? Database { get; init; }

    /// <summary>Where tenants and keys are kept, to share them with other nodes: a PostgreSQL connection string or the path of a SQLite file; null is with the rest.</summary>
    public string? TenantDatabase { get; init; }

    /// <summary>Keeps tenants within their limits, together with other nodes; null is this node's own, for it alone.</summary>
    public ITenantLimiter? Limiter { get; init; }

    /// <summary>Its base models, at least one; no two of one name.</summary>
    public required IReadOnlyList<BaseModelOptions> Bases { get; init; }

    /// <summary>Whether requests may name a base model and be answered by it alone. Otherwise the bare base model never answers.</summary>
    public bool AnswerAsBase { get; init; }

    /// <summary>Which tasks get recovered weights of their own.</summary>
    public MergingOptions Merging { get; init; } = new();

    /// <summary>How long answers of a version that was replaced may go on. Above 0.</summary>
    public TimeSpan DrainDeadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The file of the key under which prompts and answers are hashed for the audit trail; made where it is absent. Null is <c>audit.key</c> in the state directory.</summary>
    public string? AuditKeyFile { get; init; }

    /// <summary>Whether requests are refused while the audit trail cannot be written.</summary>
    public bool RequireAudit { get; init; } = true;

    /// <summary>Whether administrators come with tokens of an issuer: see <see cref="TenantDirectoryOptions.AdminsFromIssuer"/>.</summary>
    public bool AdminsFromIssuer { get; init; }

    /// <summary>
    /// Tokens that are reserved of a tenant's minute for an answer whose length its caller leaves open; what it really uses is settled at its end, and can make that
    /// minute longer by so much. At least 1.
    /// </summary>
    public int ReservedAnswerTokens { get; init; } = 1024;

    /// <summary>Largest bundle that is taken, packed, and its largest file of weights; at least 1 and less than 4 GiB, because longer ZIP archives have another form.</summary>
    public long MaxBundleBytes { get; init; } = 2L << 30;

    /// <summary>Bytes of the state directory's disk that no bundle may take, because the audit trail lies there too and a node without room for it answers nothing. 1 GiB.</summary>
    public long LeastFreeBytes { get; init; } = 1L << 30;

    /// <summary>Where the node of a state directory keeps its audit trail.</summary>
    public static string AuditDirectory(string stateDirectory) => Path.Combine(stateDirectory, "audit");

    /// <summary>Everything that is wrong, each a sentence that says how to mend it; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (Name is not { Length: > 0 and <= 64 } || !Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            problems.Add("The node's name must be 1 to 64 letters, digits, '-', '_' or '.'.");
        if (string.IsNullOrEmpty(StateDirectory))
            problems.Add("A state directory is needed.");
        if (Bases.Count == 0)
            problems.Add("At least one base model is needed.");
        foreach (BaseModelOptions options in Bases)
            problems.AddRange(options.FindProblems().Select(problem => $"Base model '{options.ModelDirectory}': {problem}."));
        problems.AddRange(Bases.Where(options => !string.IsNullOrEmpty(options.ModelDirectory)).GroupBy(options => options.ModelName, StringComparer.Ordinal)
            .Where(group => group.Count() > 1).Select(group => $"Two base models are named '{group.Key}'; give one another name."));
        if (DrainDeadline <= TimeSpan.Zero)
            problems.Add("The drain deadline must be above 0.");
        if (ReservedAnswerTokens < 1)
            problems.Add("The tokens reserved for an answer must be at least 1.");
        if (LeastFreeBytes < 0)
            problems.Add("The bytes that must stay free must be 0 or more.");
        problems.AddRange(new BundleLimits { ArchiveBytes = MaxBundleBytes, WeightBytes = MaxBundleBytes }.FindProblems());
        problems.AddRange(Merging.FindProblems());
        return problems;
    }
}

/// <summary>
/// Which tasks are served with recovered weights of their own. Those save the low-rank products of every token, but cost a copy of the adapted weights, and
/// a batch of several tasks no longer shares the base weights with them: they pay where one task has nearly all of the traffic.
/// </summary>
public sealed record MergingOptions
{
    /// <summary>Tasks that are always merged, as <c>bank/task</c>.</summary>
    public IReadOnlyList<string> Merged { get; init; } = [];

    /// <summary>Whether those are merged only while something holds them (<see cref="Node.HoldTask"/>): in a grid, where their task grain lives.</summary>
    public bool WhereHeld { get; init; }

    /// <summary>Whether other tasks are merged by themselves while they have most of the traffic and there is room.</summary>
    public bool Auto { get; init; }

    /// <summary>The share of a base model's tokens above which a task is merged; it is shared again below half of that. Above 0, at most 1.</summary>
    public double Share { get; init; } = 0.9;

    /// <summary>Memory for recovered weights of all tasks in bytes, pinned ones included.</summary>
    public long MaxBytes { get; init; } = long.MaxValue;

    /// <summary>How often traffic is looked at. Above 0.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(30);

    internal IEnumerable<string> FindProblems()
    {
        foreach (string task in Merged.Where(task => task.IndexOf('/', StringComparison.Ordinal) is <= 0 || task.EndsWith('/')))
            yield return $"A merged task is named bank/task, not '{task}'.";
        if (!(Share is > 0 and <= 1))
            yield return "The share for merging must be above 0 and at most 1.";
        if (MaxBytes < 0)
            yield return "The memory for merging must be 0 or more.";
        if (Interval <= TimeSpan.Zero)
            yield return "The interval for merging must be above 0.";
    }
}
