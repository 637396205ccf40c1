using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Serving.Rollouts;

/// <summary>Carries out one command on a bank, whose turn is held. What a command needs in memory is loaded before anything is changed.</summary>
internal sealed class RolloutCommands(BankBoard board, VersionLoading loading, RolloutOptions options, RolloutMetrics metrics, Bank bank, string by)
{
    public async Task<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, CancellationToken cancellation)
    {
        if (RolloutRules.FindProblem(bank.Record, command) is { } problem)
            return problem;
        AdapterVersion version = RolloutRules.Subject(bank.Record, command);
        if (RolloutRules.NeedsInMemory(command) && await loading.EnsureAsync(bank, version, by, cancellation) is { } error)
            return error;
        if (command is not LoadVersion)
            await ChangeAsync(command, version);
        return GridResult<AdapterVersionStatus>.Success(bank.Describe(version));
    }

    private async Task ChangeAsync(RolloutCommand command, AdapterVersion version)
    {
        long began = metrics.Now;
        await board.ChangeAsync(
            bank,
            by,
            change => RolloutSteps.Take(change, command, options.KeepPrevious, bank.WhyMissing),
            () =>
            {
                if (command is RetireVersion { Deadline: { } wanted } && bank.Record.Versions[version].State == RolloutState.Draining && !bank.Drains.ContainsKey(version))
                    bank.Deadlines[version] = wanted;
            });
        if (command is ActivateVersion or RollBack)
            metrics.Swapped(new AdapterVersionKey(bank.Record.Name, version), began);
    }
}
