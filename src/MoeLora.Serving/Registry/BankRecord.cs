using System.Collections.Immutable;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Serving.Registry;

/// <summary>A bank as the registry holds it. Immutable.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Active">The version that answers new requests; null before the first activation.</param>
/// <param name="Previous">The version that a rollback goes to; null when there is none.</param>
/// <param name="Revision">How often it changed: the number of its last log line.</param>
/// <param name="Versions">All its versions.</param>
internal sealed record BankRecord(
    AdapterName Name, AdapterVersion? Active, AdapterVersion? Previous, long Revision, ImmutableDictionary<AdapterVersion, VersionRecord> Versions)
{
    public static BankRecord Empty(AdapterName name) => new(name, null, null, 0, ImmutableDictionary<AdapterVersion, VersionRecord>.Empty);

    public IEnumerable<VersionRecord> InState(RolloutState state) => Versions.Values.Where(version => version.State == state);
}

/// <summary>A version as the registry holds it. Immutable.</summary>
internal sealed record VersionRecord
{
    public required AdapterName Bank { get; init; }

    public required AdapterVersion Version { get; init; }

    public required BundleHash BundleHash { get; init; }

    /// <summary>64 digits.</summary>
    public required string BaseModelHash { get; init; }

    public required ImmutableSortedDictionary<int, string> Tasks { get; init; }

    public required RolloutState State { get; init; }

    /// <summary>There while the state is <see cref="RolloutState.Canary"/>.</summary>
    public CanaryRule? Canary { get; init; }

    /// <summary>Share of the active version's requests that it gets a copy of; there only while the state is <see cref="RolloutState.Verified"/>.</summary>
    public double? ShadowShare { get; init; }

    /// <summary>There while the state is <see cref="RolloutState.Failed"/>.</summary>
    public string? Problem { get; init; }

    public required DateTimeOffset Published { get; init; }

    public required DateTimeOffset Since { get; init; }

    public required long Revision { get; init; }
}
