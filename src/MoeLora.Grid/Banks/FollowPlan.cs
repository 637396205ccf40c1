using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Grid.Banks;

/// <summary>A step of a node towards a bank's state.</summary>
/// <param name="Version">The version that it is about.</param>
/// <param name="Command">What the node is to do; null to get the version's bundle and make it a version.</param>
internal sealed record FollowStep(AdapterVersion Version, RolloutCommand? Command);

/// <summary>
/// Which step brings a node nearer to the state that a bank's gate decided: only what differs now counts, whatever happened before. Pure.
/// </summary>
internal sealed class FollowPlan
{
    private readonly BankRecord _wanted;
    private readonly Dictionary<string, AdapterVersionStatus> _here;

    /// <summary>Looks at a node.</summary>
    /// <param name="wanted">The gate's record.</param>
    /// <param name="here">The bank's versions on the node.</param>
    public FollowPlan(BankRecord wanted, IEnumerable<AdapterVersionStatus> here)
    {
        _wanted = wanted;
        _here = here.ToDictionary(version => version.Version, StringComparer.Ordinal);
    }

    /// <summary>Versions that are left alone: the node lacks their base model, or they failed just now.</summary>
    public required Func<AdapterVersion, bool> IsLeftOut { get; init; }

    /// <summary>Versions that stay in memory although the bank does not need them: an answer does.</summary>
    public Func<AdapterVersion, bool> IsKept { get; init; } = _ => false;

    /// <summary>How long a version that drains may take; null for the node's own time.</summary>
    public Func<AdapterVersion, TimeSpan?> Deadline { get; init; } = _ => null;

    /// <summary>Whether silos with the base model hold a version in this state in memory.</summary>
    public static bool ShouldBeHere(RolloutState state) => state is RolloutState.Loading or RolloutState.Verified or RolloutState.Canary or RolloutState.Active;

    /// <summary>Whether a version can answer on a node.</summary>
    public static bool CanAnswer(AdapterVersionStatus version) => version.State is RolloutState.Verified or RolloutState.Canary or RolloutState.Active && version.Problem is null;

    /// <summary>
    /// The next step; null when nothing is left to do. The active version comes first and what is not needed goes next, so that a silo that was away long has no more
    /// in memory than it must.
    /// </summary>
    public FollowStep? Next()
    {
        VersionRecord[] needed = [.. _wanted.Versions.Values.Where(version => ShouldBeHere(version.State) && !IsLeftOut(version.Version)).OrderByDescending(version => version.State)];
        return needed.Where(version => version.State == RolloutState.Active).Select(Bring).FirstOrDefault(step => step is not null)
            ?? needed.Where(version => version.State == RolloutState.Active).Select(Activate).FirstOrDefault(step => step is not null)
            ?? _here.Values.Select(TakeOut).FirstOrDefault(step => step is not null)
            ?? needed.Select(Bring).FirstOrDefault(step => step is not null)
            ?? needed.Select(SetRule).FirstOrDefault(step => step is not null);
    }

    private FollowStep? Bring(VersionRecord version)
    {
        AdapterVersionStatus? here = _here.GetValueOrDefault(version.Version.ToString());
        if (here is null || here.BundleHash != version.BundleHash.ToString())
            return new FollowStep(version.Version, null);
        return CanAnswer(here) ? null : Step(version.Version, (bank, name) => new LoadVersion(bank, name));
    }

    private FollowStep? Activate(VersionRecord version) =>
        _here[version.Version.ToString()].State == RolloutState.Active ? null : Step(version.Version, (bank, name) => new ActivateVersion(bank, name));

    private FollowStep? TakeOut(AdapterVersionStatus here)
    {
        var version = new AdapterVersion(here.Version);
        bool isNeeded = _wanted.Versions.GetValueOrDefault(version) is { } wanted && ShouldBeHere(wanted.State);
        // What is active here goes when another version is: a node may not be left without one.
        if (isNeeded || IsLeftOut(version) || IsKept(version) || here.State is not (RolloutState.Verified or RolloutState.Canary or RolloutState.Loading))
            return null;
        return Step(version, (bank, name) => new RetireVersion(bank, name, Deadline(version)));
    }

    private FollowStep? SetRule(VersionRecord version)
    {
        AdapterVersionStatus here = _here[version.Version.ToString()];
        CanaryRule? wanted = version.Canary, there = here.Canary;
        if (wanted is null && here.State == RolloutState.Canary)
            return Step(version.Version, (bank, name) => new StartCanary(bank, name, new CanaryRule(0, [])));
        if (wanted is not null && (there is null || there.Share != wanted.Share || !there.Tenants.SequenceEqual(wanted.Tenants)))
            return Step(version.Version, (bank, name) => new StartCanary(bank, name, wanted));
        return version.State is RolloutState.Verified or RolloutState.Loading && here.State == RolloutState.Verified && here.Shadow?.Share != version.ShadowShare
            ? Step(version.Version, (bank, name) => new StartShadow(bank, name, version.ShadowShare ?? 0))
            : null;
    }

    private FollowStep Step(AdapterVersion version, Func<string, string, RolloutCommand> command) => new(version, command(_wanted.Name.ToString(), version.ToString()));
}
