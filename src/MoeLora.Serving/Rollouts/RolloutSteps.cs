using System.Globalization;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Rollouts;

/// <summary>The steps that each command takes with a bank's record, all versions that it names being in memory. Pure.</summary>
internal static class RolloutSteps
{
    /// <summary>Takes the steps of a command without a problem (<see cref="RolloutRules.FindProblem"/>), after its version was loaded where it must be.</summary>
    /// <param name="change">The bank.</param>
    /// <param name="command">What is wanted.</param>
    /// <param name="keepPrevious">Whether a version that was active stays in memory.</param>
    /// <param name="whyMissing">Why a version that should be in memory is not; null for one that is.</param>
    public static void Take(BankChange change, RolloutCommand command, bool keepPrevious, Func<AdapterVersion, string?> whyMissing)
    {
        AdapterVersion version = RolloutRules.Subject(change.After, command);
        switch (command)
        {
            case ActivateVersion:
                Activate(change, version, keepPrevious, whyMissing);
                break;
            case Contracts.Rollouts.RollBack:
                RollBack(change, keepPrevious, whyMissing);
                break;
            case StartCanary { Rule: var rule } when RolloutRules.Ends(rule):
                change.Move(version, RolloutState.Verified, "The canary ended.");
                break;
            case StartCanary canary:
                StartCanary(change, version, canary.Rule);
                break;
            case StartShadow { Share: 0 }:
                change.Move(version, RolloutState.Verified, "The shadow ended.");
                break;
            case StartShadow shadow:
                StartShadow(change, version, shadow.Share);
                break;
            case RetireVersion:
                Retire(change, version);
                break;
        }
    }

    /// <summary>Flips the alias to a version.</summary>
    /// <param name="change">The bank.</param>
    /// <param name="version">Becomes active.</param>
    /// <param name="keepPrevious">Whether the version that was active stays in memory.</param>
    /// <param name="whyMissing">Why a version that should be in memory is not; null for one that is.</param>
    public static void Activate(BankChange change, AdapterVersion version, bool keepPrevious, Func<AdapterVersion, string?> whyMissing)
    {
        BankRecord before = change.After;
        if (before.Active == version)
            return;
        change.Move(version, RolloutState.Active);
        if (before.Active is { } old)
        {
            if (whyMissing(old) is { } problem)
                change.Move(old, RolloutState.Failed, problem);
            else
                change.Move(old, keepPrevious ? RolloutState.Verified : RolloutState.Draining, $"{version} took its place.");
        }

        // What was kept for a rollback is not the one to roll back to any more.
        if (keepPrevious && before.Active is not null && before.Previous is { } kept && kept != version && before.Versions[kept] is { State: RolloutState.Verified, ShadowShare: null })
            change.Move(kept, RolloutState.Draining, "It is no longer the previous version.");
        change.Point(version, before.Active ?? before.Previous);
    }

    /// <summary>Flips the alias back to the version that was active before, and ends a canary.</summary>
    public static void RollBack(BankChange change, bool keepPrevious, Func<AdapterVersion, string?> whyMissing)
    {
        AdapterVersion previous = change.After.Previous!.Value;
        foreach (VersionRecord canary in change.After.InState(RolloutState.Canary).Where(canary => canary.Version != previous).ToArray())
            change.Move(canary.Version, RolloutState.Verified, "A rollback ended the canary.");
        Activate(change, previous, keepPrevious, whyMissing);
    }

    /// <summary>Makes a version the bank's canary, or changes its rule. Another one stops being it.</summary>
    public static void StartCanary(BankChange change, AdapterVersion version, CanaryRule rule)
    {
        foreach (VersionRecord other in change.After.InState(RolloutState.Canary).Where(canary => canary.Version != version).ToArray())
            change.Move(other.Version, RolloutState.Verified, $"{version} took its place as the canary.");
        string tenants = rule.Tenants.Count == 0 ? "" : $", and {string.Join(", ", rule.Tenants)}";
        change.Move(version, RolloutState.Canary, $"Canary for {Percent(rule.Share)} of new requests{tenants}.", rule);
    }

    /// <summary>Makes a verified version the bank's shadow, or changes its share. Another one stops being it.</summary>
    public static void StartShadow(BankChange change, AdapterVersion version, double share)
    {
        foreach (VersionRecord other in change.After.Versions.Values.Where(other => other.ShadowShare is not null && other.Version != version).ToArray())
            change.Move(other.Version, RolloutState.Verified, $"{version} took its place as the shadow.");
        change.Move(version, RolloutState.Verified, $"Shadow of {Percent(share)} of requests.", shadowShare: share);
    }

    /// <summary>Ends a version that is not active.</summary>
    public static void Retire(BankChange change, AdapterVersion version)
    {
        RolloutState state = change.After.Versions[version].State;
        if (state is RolloutState.Retired or RolloutState.Draining)
            return;
        if (state == RolloutState.Loading) // its end could not be written down
            change.Move(version, state = RolloutState.Published, "Its loading did not end.");
        change.Move(version, state is RolloutState.Published or RolloutState.Failed ? RolloutState.Retired : RolloutState.Draining);
    }

    private static string Percent(double share) => (share * 100).ToString("0.##", CultureInfo.InvariantCulture) + " %";
}
