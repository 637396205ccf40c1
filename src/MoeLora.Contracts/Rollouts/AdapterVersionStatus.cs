using MoeLora.Contracts.Tenants;

namespace MoeLora.Contracts.Rollouts;

/// <summary>A version of a bank: one immutable bundle, and where it is in its life.</summary>
public sealed record AdapterVersionStatus
{
    /// <summary>The bank: the name in the bundle's manifest.</summary>
    public required string Bank { get; init; }

    /// <summary>The version in the bundle's manifest.</summary>
    public required string Version { get; init; }

    /// <summary>The bundle's content hash, <c>sha256:</c> and 64 hexadecimal digits.</summary>
    public required string BundleHash { get; init; }

    /// <summary>Hash of the base model that it was made for.</summary>
    public required string BaseModelHash { get; init; }

    /// <summary>Task ids and names.</summary>
    public required IReadOnlyDictionary<int, string> Tasks { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required RolloutState State { get; init; }

    /// <summary>Why it failed, for a person; null when it did not.</summary>
    public string? Problem { get; init; }

    /// <summary>Whether it gets copies of the active version's requests, whose answers are compared and thrown away.</summary>
    public ShadowStatus? Shadow { get; init; }

    /// <summary>Who gets it as a canary; null when it is none.</summary>
    public CanaryRule? Canary { get; init; }

    /// <summary>Answers that run on it now.</summary>
    public int RunningSequences { get; init; }

    /// <summary>When its bundle was published.</summary>
    public required DateTimeOffset Published { get; init; }

    /// <summary>Since when it is in this state.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Counts up with every change of this version.</summary>
    public required long Revision { get; init; }
}

/// <summary>Who gets a canary version. A request gets it when its tenant is named, or when it falls into the share.</summary>
/// <param name="Share">Share of the bank's new requests, 0 to 1.</param>
/// <param name="Tenants">Tenants that always get it.</param>
public sealed record CanaryRule(double Share, IReadOnlyList<TenantId> Tenants);

/// <summary>What a shadow version's answers showed so far.</summary>
/// <param name="Share">Share of requests that are copied, above 0, at most 1.</param>
/// <param name="Compared">Answers compared.</param>
/// <param name="Equal">Those equal to the active version's.</param>
/// <param name="Dropped">Requests that were not copied because the engine was busy.</param>
public sealed record ShadowStatus(double Share, long Compared, long Equal, long Dropped);

/// <summary>One change in a version's life.</summary>
/// <param name="Bank">The bank.</param>
/// <param name="Version">The version.</param>
/// <param name="From">The state before; null for the first.</param>
/// <param name="To">The state after.</param>
/// <param name="At">When.</param>
/// <param name="By">Who: a caller's subject, or <c>node</c> for what the node does by itself.</param>
/// <param name="Reason">Why, for a person; null when the command says it all.</param>
public sealed record RolloutChange(string Bank, string Version, RolloutState? From, RolloutState To, DateTimeOffset At, string By, string? Reason);
