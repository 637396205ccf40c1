using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Rollouts;

/// <summary>Which commands a bank's state allows, and what each needs. Pure; the same for one node and for a cluster.</summary>
internal static class RolloutRules
{
    /// <summary>Why a command cannot be carried out on a bank as it is; null when it can be tried.</summary>
    public static GridError? FindProblem(BankRecord bank, RolloutCommand command)
    {
        if (command is RollBack)
        {
            return bank.Previous is null
                ? new GridError(GridErrorKind.Conflict, $"No version of the bank '{bank.Name}' was active before; there is nothing to roll back to.")
                : null;
        }

        string text = VersionOf(command);
        if (!AdapterVersion.TryParse(text, out AdapterVersion version) || bank.Versions.GetValueOrDefault(version) is not { } record)
            return new GridError(GridErrorKind.NotFound, $"The bank '{bank.Name}' has no version '{text}'. It has: {string.Join(", ", bank.Versions.Keys.Select(key => key.ToString()).Order(StringComparer.Ordinal))}.");
        return command switch
        {
            StartCanary canary => FindCanaryProblem(bank, record, canary.Rule),
            StartShadow shadow => FindShadowProblem(bank, record, shadow.Share),
            RetireVersion retire => FindRetireProblem(bank, record, retire.Deadline),
            _ => null,
        };
    }

    /// <summary>The version that a command without a problem is about.</summary>
    public static AdapterVersion Subject(BankRecord bank, RolloutCommand command) => command is RollBack ? bank.Previous!.Value : new AdapterVersion(VersionOf(command));

    /// <summary>Whether a command needs its version in memory before anything is changed.</summary>
    public static bool NeedsInMemory(RolloutCommand command) => command is not (RetireVersion or StartShadow { Share: 0 });

    /// <summary>Whether a rule ends a canary.</summary>
    public static bool Ends(CanaryRule rule) => rule.Share == 0 && rule.Tenants.Count == 0;

    private static string VersionOf(RolloutCommand command) => command switch
    {
        LoadVersion load => load.Version,
        ActivateVersion activate => activate.Version,
        StartCanary canary => canary.Version,
        StartShadow shadow => shadow.Version,
        RetireVersion retire => retire.Version,
        _ => throw new ArgumentException($"The command {command.GetType().Name} is not known.", nameof(command)),
    };

    private static GridError? FindCanaryProblem(BankRecord bank, VersionRecord version, CanaryRule rule)
    {
        if (!(rule.Share is >= 0 and <= 1))
            return new GridError(GridErrorKind.InvalidRequest, "'share' must be between 0 and 1.", "share");
        if (Ends(rule) && version.State != RolloutState.Canary)
            return Conflict(version, "only a canary can end being one");
        if (bank.Active is null)
            return Conflict(version, "no version of its bank is active; activate one first");
        return bank.Active == version.Version ? Conflict(version, "it answers all new requests already") : null;
    }

    private static GridError? FindShadowProblem(BankRecord bank, VersionRecord version, double share)
    {
        if (!(share is >= 0 and <= 1))
            return new GridError(GridErrorKind.InvalidRequest, "'share' must be between 0 and 1.", "share");
        if (share == 0)
            return version.ShadowShare is null ? Conflict(version, "only a shadow can end being one") : null;
        if (bank.Active is not { } active)
            return Conflict(version, "no version of its bank is active, whose requests could be copied; activate one first");
        if (version.State is RolloutState.Active or RolloutState.Canary)
            return Conflict(version, "it answers requests already");
        string other = bank.Versions[active].BaseModelHash;
        return version.BaseModelHash == other ? null : Conflict(
            version, $"it was made for another base model (sha256:{version.BaseModelHash}) than {active}, which is active (sha256:{other}), and tokens of two models cannot be compared");
    }

    private static GridError? FindRetireProblem(BankRecord bank, VersionRecord version, TimeSpan? deadline)
    {
        if (deadline < TimeSpan.Zero || deadline > RolloutOptions.LongestDrain)
            return new GridError(GridErrorKind.InvalidRequest, "'deadline' must be between 0 and 24 hours.", "deadline");
        return bank.Active == version.Version ? Conflict(version, "activate another version or roll back first") : null;
    }

    private static GridError Conflict(VersionRecord version, string why) => new(
        GridErrorKind.Conflict, $"{version.Bank}@{version.Version} is {version.State.ToString().ToLowerInvariant()}: {why}.");
}
