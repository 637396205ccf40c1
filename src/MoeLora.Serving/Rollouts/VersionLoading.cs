using Microsoft.Extensions.Logging;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Rollouts;

/// <summary>Brings versions into memory, next to what runs, and writes down what came of it. The bank's turn must be held.</summary>
internal sealed partial class VersionLoading(BankBoard board, VersionDrains drains, BundleStore store, IVersionHost host, RolloutMetrics metrics, ILogger logger)
{
    /// <summary>Makes sure that a version is in memory and proven.</summary>
    /// <returns>Why it cannot be; null when it is.</returns>
    /// <exception cref="OperationCanceledException">It was given up; the version is as it was, or published again.</exception>
    /// <exception cref="RolloutException">The database failed.</exception>
    public async Task<GridError?> EnsureAsync(Bank bank, AdapterVersion version, string by, CancellationToken cancellation)
    {
        while (true)
        {
            RolloutState state = bank.Record.Versions[version].State;
            if (state == RolloutState.Draining)
                await drains.CallOffAsync(bank, version, by);
            else if (state == RolloutState.Loading) // its end could not be written down
                await board.ChangeAsync(bank, NodeRollouts.Node, change => change.Move(version, RolloutState.Published, "Its loading did not end."));
            else if (!Bank.ShouldBeInMemory(state))
                return await LoadAsync(bank, version, by, cancellation);
            else
                return bank.Served.ContainsKey(version) ? null : await RestoreAsync(bank, version, cancellation);
        }
    }

    // Published, retired or failed → loading → verified or failed.
    private async Task<GridError?> LoadAsync(Bank bank, AdapterVersion version, string by, CancellationToken cancellation)
    {
        await board.ChangeAsync(bank, by, change => change.Move(version, RolloutState.Loading));
        (ServedVersion? served, string? problem) result;
        try
        {
            result = await TryLoadAsync(bank.Record.Versions[version], cancellation);
        }
        catch (OperationCanceledException)
        {
            await board.ChangeAsync(bank, NodeRollouts.Node, change => change.Move(version, RolloutState.Published, "Its loading was given up."));
            throw;
        }

        if (result.served is not { } served)
        {
            await board.ChangeAsync(bank, NodeRollouts.Node, change => change.Move(version, RolloutState.Failed, result.problem), () => bank.Problems = bank.Problems.Remove(version));
            return Refusal(bank, version, result.problem!);
        }

        await ShowAsync(bank, served, change => change.Move(version, RolloutState.Verified));
        return null;
    }

    // A version that should be in memory is not: the node has just started, or it could not be loaded then.
    private async Task<GridError?> RestoreAsync(Bank bank, AdapterVersion version, CancellationToken cancellation)
    {
        (ServedVersion? served, string? problem) = await TryLoadAsync(bank.Record.Versions[version], cancellation);
        if (served is not null)
        {
            await ShowAsync(bank, served, _ => { });
            return null;
        }

        LogNotRestored(new AdapterVersionKey(bank.Record.Name, version), problem!);
        await board.ChangeAsync(
            bank,
            NodeRollouts.Node,
            change =>
            {
                // The alias goes on naming the active version: only an operator may decide that another answers instead.
                if (bank.Record.Active != version)
                    change.Move(version, RolloutState.Failed, problem);
            },
            () => bank.Problems = bank.Problems.SetItem(version, problem!));
        return Refusal(bank, version, problem!);
    }

    private async Task ShowAsync(Bank bank, ServedVersion served, Action<BankChange> steps)
    {
        AdapterVersion version = served.Key.Version;
        bool shown = false;
        try
        {
            await board.ChangeAsync(bank, NodeRollouts.Node, steps, () =>
            {
                bank.Served = bank.Served.SetItem(version, served);
                bank.Problems = bank.Problems.Remove(version);
                shown = true;
            });
        }
        finally
        {
            if (!shown)
                await served.Loaded.DisposeAsync();
        }
    }

    private async Task<(ServedVersion? Served, string? Problem)> TryLoadAsync(VersionRecord record, CancellationToken cancellation)
    {
        try
        {
            long began = metrics.Now;
            AdapterBundle bundle = await Task.Run(() => store.OpenBundle(record.BundleHash), cancellation);
            LoadOutcome outcome = await host.LoadAsync(bundle, cancellation);
            if (outcome.Version is not { } loaded)
                return (null, outcome.Problem);
            metrics.Loaded(new AdapterVersionKey(record.Bank, record.Version), began);
            return (new ServedVersion(bundle.Manifest, loaded), null);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (AdapterException e)
        {
            return (null, BundleStore.Message(e));
        }
        catch (Exception e)
        {
            LogLoadFailed(new AdapterVersionKey(record.Bank, record.Version), e);
            return (null, $"The node failed while it loaded it ({e.GetType().Name}); its log says more.");
        }
    }

    private static GridError Refusal(Bank bank, AdapterVersion version, string problem) =>
        new(GridErrorKind.InvalidRequest, $"{bank.Record.Name}@{version} cannot be loaded: {problem}");

    [LoggerMessage(Level = LogLevel.Error, Message = "{Version} was in memory before the node started and cannot be loaded again: {Problem}")]
    private partial void LogNotRestored(AdapterVersionKey version, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "Loading {Version} failed in a way that is a bug.")]
    private partial void LogLoadFailed(AdapterVersionKey version, Exception exception);
}
