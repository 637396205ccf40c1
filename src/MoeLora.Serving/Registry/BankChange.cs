using System.Collections.Immutable;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Serving.Registry;

/// <summary>
/// A change of a bank and its log lines, to be committed together. Every step is checked: an illegal one is a bug, not a bad command.
/// </summary>
internal sealed class BankChange(BankRecord before, DateTimeOffset at, string by)
{
    private readonly List<RolloutChange> _log = [];

    public BankRecord Before { get; } = before;

    public BankRecord After { get; private set; } = before;

    /// <summary>One line for each step, oldest first.</summary>
    public IReadOnlyList<RolloutChange> Log => _log;

    /// <summary>Whether a version may go from one state to another. From a state to itself means that a rule changed.</summary>
    public static bool IsLegal(RolloutState? from, RolloutState to) => (from, to) switch
    {
        (null, RolloutState.Published) => true,
        (RolloutState.Published or RolloutState.Retired or RolloutState.Failed, RolloutState.Loading) => true,
        (RolloutState.Published or RolloutState.Failed, RolloutState.Retired) => true,
        (RolloutState.Loading, RolloutState.Verified or RolloutState.Failed or RolloutState.Published) => true,
        (RolloutState.Verified, RolloutState.Verified or RolloutState.Canary or RolloutState.Active or RolloutState.Draining or RolloutState.Failed) => true,
        (RolloutState.Canary, RolloutState.Canary or RolloutState.Verified or RolloutState.Active or RolloutState.Draining or RolloutState.Failed) => true,
        (RolloutState.Active, RolloutState.Verified or RolloutState.Draining or RolloutState.Failed) => true,
        (RolloutState.Draining, RolloutState.Retired or RolloutState.Verified) => true,
        _ => false,
    };

    public void Publish(BundleManifest manifest) => Publish(
        manifest.Version,
        manifest.ContentHash,
        manifest.BaseModelHash,
        ImmutableSortedDictionary.CreateRange(manifest.Tasks.Select(task => KeyValuePair.Create(task.Id, task.Name.ToString()))));

    /// <summary>Adds a version.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="bundle">Its bundle.</param>
    /// <param name="baseModelHash">Its base model, 64 digits.</param>
    /// <param name="tasks">Its tasks by id.</param>
    public void Publish(AdapterVersion name, BundleHash bundle, string baseModelHash, ImmutableSortedDictionary<int, string> tasks)
    {
        var version = new VersionRecord
        {
            Bank = Before.Name,
            Version = name,
            BundleHash = bundle,
            BaseModelHash = baseModelHash,
            Tasks = tasks,
            State = RolloutState.Published,
            Published = at,
            Since = at,
            Revision = 0,
        };
        Record(null, version, null, null);
    }

    /// <summary>Takes a version to another state. What belongs to the state that it leaves, goes.</summary>
    /// <param name="version">Which.</param>
    /// <param name="to">Its new state.</param>
    /// <param name="reason">Why, for a person.</param>
    /// <param name="canary">The rule of a canary.</param>
    /// <param name="shadowShare">The share of a shadow.</param>
    /// <param name="by">Who wants it, where it is somebody else than for the rest of the change.</param>
    public void Move(AdapterVersion version, RolloutState to, string? reason = null, CanaryRule? canary = null, double? shadowShare = null, string? by = null)
    {
        VersionRecord old = After.Versions[version];
        if (!IsLegal(old.State, to) || canary is not null != (to == RolloutState.Canary) || (shadowShare is not null && to != RolloutState.Verified))
            throw new InvalidOperationException($"{old.Bank}@{version} cannot go from {old.State} to {to}.");
        Record(old.State, old with
        {
            State = to,
            Canary = canary,
            ShadowShare = shadowShare,
            Problem = to == RolloutState.Failed ? reason : null,
            Since = old.State == to ? old.Since : at,
        }, reason, by);
    }

    /// <summary>Makes the alias name another version. The version must be moved to <see cref="RolloutState.Active"/> in the same change.</summary>
    public void Point(AdapterVersion active, AdapterVersion? previous) => After = After with { Active = active, Previous = previous };

    private void Record(RolloutState? from, VersionRecord version, string? reason, string? who)
    {
        After = After with
        {
            Revision = After.Revision + 1,
            Versions = After.Versions.SetItem(version.Version, version with { Revision = version.Revision + 1 }),
        };
        _log.Add(new RolloutChange(Before.Name.ToString(), version.Version.ToString(), from, version.State, at, who ?? by, reason));
    }
}
