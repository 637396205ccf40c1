using System.Collections.Concurrent;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Registry;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Rollouts;

/// <summary>
/// All banks of a node. A change goes first into the database, in one transaction, then into memory, then into the routing table, then
/// versions that new requests no longer reach begin to drain: in this order, so that nothing is shown that a restart would not find again, and no
/// version is closed while the table leads to it. Changes take turns.
/// </summary>
internal sealed class BankBoard(VersionRegistry registry, TimeProvider time)
{
    private readonly SemaphoreSlim _changes = new(1, 1);
    private readonly ConcurrentDictionary<AdapterName, Bank> _banks = [];
    private volatile RoutingTable _routes = RoutingTable.Empty;

    /// <summary>Begins to take a version out of memory; called once for each that drains, after the table stopped leading to it.</summary>
    public required Func<Bank, ServedVersion, Drain> StartDrain { get; init; }

    /// <summary>Replaced by every change; whoever reads it needs no lock.</summary>
    public RoutingTable Routes => _routes;

    public IEnumerable<Bank> Banks => _banks.Values.Where(bank => bank.Record.Versions.Count > 0).OrderBy(bank => bank.Record.Name.ToString(), StringComparer.Ordinal);

    public Bank? Find(AdapterName name) => _banks.GetValueOrDefault(name) is { Record.Versions.Count: > 0 } bank ? bank : null;

    /// <summary>The bank of this name, perhaps without any version yet.</summary>
    public Bank Require(AdapterName name) => _banks.GetOrAdd(name, missing => new Bank(BankRecord.Empty(missing)));

    /// <summary>Reads what the database holds. Nothing is in memory yet.</summary>
    public async Task ReadAsync(CancellationToken cancellation)
    {
        foreach (BankRecord record in await registry.ReadAsync(cancellation))
            Require(record.Name).Record = record;
    }

    /// <summary>Carries out a change and shows it. When it cannot be written, nothing has changed in memory or for requests.</summary>
    /// <param name="bank">Which.</param>
    /// <param name="by">Who wants it.</param>
    /// <param name="steps">Makes the steps from the bank's present record; none at all is allowed.</param>
    /// <param name="applied">Changes what is in memory, between the commit and the table.</param>
    /// <exception cref="RolloutException">The database failed, or somebody else changed the bank.</exception>
    public async Task ChangeAsync(Bank bank, string by, Action<BankChange> steps, Action? applied = null)
    {
        await _changes.WaitAsync(CancellationToken.None);
        try
        {
            if (bank.Stale)
                await ReadAgainAsync(bank);
            var change = new BankChange(bank.Record, time.GetUtcNow(), by);
            // Drained, but the database could not be told then; or drained by the end of the process.
            foreach (VersionRecord left in bank.Record.InState(RolloutState.Draining).Where(version => !bank.Served.ContainsKey(version.Version)))
                change.Move(left.Version, RolloutState.Retired, "It is no longer in memory.", by: NodeRollouts.Node);
            steps(change);
            if (change.Log.Count > 0)
                await CommitAsync(bank, change);
            applied?.Invoke();
            Show(bank);
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>Makes sure that the bank's record is what the database holds.</summary>
    /// <exception cref="RolloutException">The database failed.</exception>
    public Task RefreshAsync(Bank bank) => bank.Stale ? ChangeAsync(bank, NodeRollouts.Node, _ => { }) : Task.CompletedTask;

    private async Task CommitAsync(Bank bank, BankChange change)
    {
        try
        {
            await registry.CommitAsync(change);
            bank.Record = change.After;
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            // A commit may have succeeded although its answer was lost. What the database says counts.
            bank.Stale = true;
            await ReadAgainAsync(bank);
            Show(bank);
            throw StateDatabase.IsConflict(e)
                ? new RolloutException(new GridError(GridErrorKind.Conflict, $"Somebody else changed the bank '{bank.Record.Name}' at the same time. Look at its state and try again."), e)
                : Failed(e);
        }
    }

    private async Task ReadAgainAsync(Bank bank)
    {
        try
        {
            bank.Record = await registry.ReadAsync(bank.Record.Name, CancellationToken.None);
            bank.Stale = false;
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            throw Failed(e);
        }
    }

    private void Show(Bank bank)
    {
        _routes = new RoutingTable(Banks.Select(each => each.Routes()));
        foreach (VersionRecord version in bank.Record.InState(RolloutState.Draining))
        {
            if (bank.Served.TryGetValue(version.Version, out ServedVersion? served) && !bank.Drains.ContainsKey(version.Version))
                bank.Drains = bank.Drains.SetItem(version.Version, StartDrain(bank, served));
        }
    }

    private static RolloutException Failed(Exception e) => new(
        new GridError(GridErrorKind.Unavailable, "The node's database failed; what is active goes on answering. See the versions' state before trying again.", RetryAfter: TimeSpan.FromSeconds(5)), e);
}
