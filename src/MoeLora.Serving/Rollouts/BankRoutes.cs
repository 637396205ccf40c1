using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Rollouts;

/// <summary>Which versions of a bank answer which requests. Immutable.</summary>
internal sealed record BankRoutes
{
    public required string Bank { get; init; }

    /// <summary>Answers new requests; null when no version is active, or when the active one could not be loaded.</summary>
    public ServedVersion? Active { get; init; }

    /// <summary>Why the active version is not in memory; null when it is, or when none is active.</summary>
    public string? Problem { get; init; }

    /// <summary>The tasks of the active version by id, in memory or not.</summary>
    public required IReadOnlyDictionary<int, string> ActiveTasks { get; init; }

    public ServedVersion? Canary { get; init; }

    /// <summary>Who gets the canary; null without one.</summary>
    public CanaryRule? CanaryRule { get; init; }

    public ServedVersion? Shadow { get; init; }

    /// <summary>Share of the active version's requests that the shadow gets a copy of.</summary>
    public double ShadowShare { get; init; }

    /// <summary>All versions, those that cannot answer too.</summary>
    public required IReadOnlyDictionary<string, VersionRoute> Versions { get; init; }

    /// <summary>
    /// Where a new request for a task goes; an error when it is this bank's to answer, but its active version could not be loaded; null
    /// when the bank has no such task.
    /// </summary>
    public GridResult<Route>? RouteNew(string taskText, bool byId, TenantId tenant, string requestKey)
    {
        if (Problem is not null && (ActiveTasks.Values.Contains(taskText, StringComparer.Ordinal) || (byId && ActiveTasks.Keys.Any(id => id.ToString(CultureInfo.InvariantCulture) == taskText))))
            return new GridError(GridErrorKind.NotReady, Problem);
        if (Active is null)
            return null;
        if (Canary is not null && CanaryRule is { } rule && Find(Canary) is { } canaryTask
            && (rule.Tenants.Contains(tenant) || Falls(requestKey, "canary", Canary, rule.Share)))
            return GridResult<Route>.Success(new Route(Canary, canaryTask, null));
        if (Find(Active) is not { } task)
            return null;
        bool copied = Shadow?.FindTask(task.Name.ToString()) is not null && Falls(requestKey, "shadow", Shadow, ShadowShare);
        return GridResult<Route>.Success(new Route(Active, task, copied ? Shadow : null));

        AdapterTask? Find(ServedVersion version) => byId ? version.FindTaskOrId(taskText) : version.FindTask(taskText);
    }

    /// <summary>Where a request that names a version goes; null when it cannot answer or has no such task.</summary>
    public Route? RouteTo(string version, string taskText) =>
        Versions.GetValueOrDefault(version)?.Served is { } served && served.FindTaskOrId(taskText) is { } task ? new Route(served, task, null) : null;

    /// <summary>The end of a sentence: which versions a request can name.</summary>
    public string WhoAnswers()
    {
        string[] names = [.. Versions.Where(version => version.Value.Served is not null).Select(version => version.Key).Order(StringComparer.Ordinal)];
        return names.Length == 0 ? "no version can answer now." : $"these versions can answer: {string.Join(", ", names)}.";
    }

    /// <summary>
    /// Whether a request is part of a share. It depends on the request's own key and the version alone, so that it can be said again
    /// later, and a request that is part of a share is part of every larger one.
    /// </summary>
    private static bool Falls(string requestKey, string purpose, ServedVersion version, double share)
    {
        if (share is 0 or 1)
            return share == 1;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{purpose}\0{version.Key}\0{requestKey}"), hash);
        ulong top = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11; // 53 bits: exact in a double
        return top / (double)(1UL << 53) < share;
    }
}
