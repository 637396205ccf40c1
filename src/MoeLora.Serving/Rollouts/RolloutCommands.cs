using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Rollouts;

/// <summary>Carries out one command on a bank, whose turn is held. What a command needs in memory is loaded before anything is changed.</summary>
internal sealed class RolloutCommands(BankBoard board, VersionLoading loading, RolloutOptions options, RolloutMetrics metrics, Bank bank, string by)
{
    public Task<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, CancellationToken cancellation) => command switch
    {
        LoadVersion load => OnVersionAsync(load.Version, version => LoadAsync(version, cancellation)),
        ActivateVersion activate => OnVersionAsync(activate.Version, version => ActivateAsync(version, cancellation)),
        StartCanary canary => OnVersionAsync(canary.Version, version => CanaryAsync(version, canary.Rule, cancellation)),
        StartShadow shadow => OnVersionAsync(shadow.Version, version => ShadowAsync(version, shadow.Share, cancellation)),
        RetireVersion retire => OnVersionAsync(retire.Version, version => RetireAsync(version, retire.Deadline)),
        RollBack => RollBackAsync(cancellation),
        _ => throw new ArgumentException($"The command {command.GetType().Name} is not known.", nameof(command)),
    };

    private async Task<GridResult<AdapterVersionStatus>> OnVersionAsync(string text, Func<AdapterVersion, Task<GridError?>> command)
    {
        if (!AdapterVersion.TryParse(text, out AdapterVersion version) || !bank.Record.Versions.ContainsKey(version))
            return new GridError(GridErrorKind.NotFound, $"The bank '{bank.Record.Name}' has no version '{text}'. It has: {string.Join(", ", bank.Record.Versions.Keys.Select(key => key.ToString()).Order(StringComparer.Ordinal))}.");
        return await command(version) is { } error ? error : GridResult<AdapterVersionStatus>.Success(bank.Describe(version));
    }

    private Task<GridError?> LoadAsync(AdapterVersion version, CancellationToken cancellation) => loading.EnsureAsync(bank, version, by, cancellation);

    private async Task<GridError?> ActivateAsync(AdapterVersion version, CancellationToken cancellation)
    {
        if (await loading.EnsureAsync(bank, version, by, cancellation) is { } error)
            return error;
        long began = metrics.Now;
        await board.ChangeAsync(bank, by, change => RolloutSteps.Activate(change, version, options.KeepPrevious, bank.WhyMissing));
        metrics.Swapped(new AdapterVersionKey(bank.Record.Name, version), began);
        return null;
    }

    private async Task<GridResult<AdapterVersionStatus>> RollBackAsync(CancellationToken cancellation)
    {
        if (bank.Record.Previous is not { } previous)
            return new GridError(GridErrorKind.Conflict, $"No version of the bank '{bank.Record.Name}' was active before; there is nothing to roll back to.");
        if (await loading.EnsureAsync(bank, previous, by, cancellation) is { } error)
            return error;
        long began = metrics.Now;
        await board.ChangeAsync(bank, by, change => RolloutSteps.RollBack(change, options.KeepPrevious, bank.WhyMissing));
        metrics.Swapped(new AdapterVersionKey(bank.Record.Name, previous), began);
        return GridResult<AdapterVersionStatus>.Success(bank.Describe(previous));
    }

    private async Task<GridError?> CanaryAsync(AdapterVersion version, CanaryRule rule, CancellationToken cancellation)
    {
        if (!(rule.Share is >= 0 and <= 1))
            return new GridError(GridErrorKind.InvalidRequest, "'share' must be between 0 and 1.", "share");
        bool ends = rule.Share == 0 && rule.Tenants.Count == 0;
        if (ends && bank.Record.Versions[version].State != RolloutState.Canary)
            return Conflict(version, "only a canary can end being one");
        if (bank.Record.Active is null)
            return Conflict(version, "no version of its bank is active; activate one first");
        if (bank.Record.Active == version)
            return Conflict(version, "it answers all new requests already");
        if (await loading.EnsureAsync(bank, version, by, cancellation) is { } error)
            return error;
        await board.ChangeAsync(bank, by, change =>
        {
            if (ends)
                change.Move(version, RolloutState.Verified, "The canary ended.");
            else
                RolloutSteps.StartCanary(change, version, rule);
        });
        return null;
    }

    private async Task<GridError?> ShadowAsync(AdapterVersion version, double share, CancellationToken cancellation)
    {
        if (!(share is >= 0 and <= 1))
            return new GridError(GridErrorKind.InvalidRequest, "'share' must be between 0 and 1.", "share");
        VersionRecord record = bank.Record.Versions[version];
        if (share == 0)
        {
            if (record.ShadowShare is null)
                return Conflict(version, "only a shadow can end being one");
            await board.ChangeAsync(bank, by, change => change.Move(version, RolloutState.Verified, "The shadow ended."));
            return null;
        }

        if (bank.Record.Active is not { } active)
            return Conflict(version, "no version of its bank is active, whose requests could be copied; activate one first");
        if (record.State is RolloutState.Active or RolloutState.Canary)
            return Conflict(version, "it answers requests already");
        if (record.BaseModelHash != bank.Record.Versions[active].BaseModelHash)
            return Conflict(version, $"it was made for another base model (sha256:{record.BaseModelHash}) than {active}, which is active (sha256:{bank.Record.Versions[active].BaseModelHash}), and tokens of two models cannot be compared");
        if (await loading.EnsureAsync(bank, version, by, cancellation) is { } error)
            return error;
        await board.ChangeAsync(bank, by, change => RolloutSteps.StartShadow(change, version, share));
        return null;
    }

    private async Task<GridError?> RetireAsync(AdapterVersion version, TimeSpan? deadline)
    {
        if (deadline < TimeSpan.Zero || deadline > RolloutOptions.LongestDrain)
            return new GridError(GridErrorKind.InvalidRequest, "'deadline' must be between 0 and 24 hours.", "deadline");
        if (bank.Record.Active == version)
            return Conflict(version, "activate another version or roll back first");
        await board.ChangeAsync(
            bank,
            by,
            change => RolloutSteps.Retire(change, version),
            () =>
            {
                if (deadline is { } wanted && bank.Record.Versions[version].State == RolloutState.Draining && !bank.Drains.ContainsKey(version))
                    bank.Deadlines[version] = wanted;
            });
        return null;
    }

    private GridError Conflict(AdapterVersion version, string why) => new(
        GridErrorKind.Conflict, $"{bank.Record.Name}@{version} is {bank.Record.Versions[version].State.ToString().ToLowerInvariant()}: {why}.");
}
