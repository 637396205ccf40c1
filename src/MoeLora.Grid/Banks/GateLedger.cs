using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;
using Orleans.Storage;

namespace MoeLora.Grid.Banks;

/// <summary>
/// A bank's record in the grain storage. What is shown is what was written; when it is not known whether a write succeeded, the storage is read again, and what
/// it says counts.
/// </summary>
internal sealed class GateLedger(IPersistentState<GateState> state, string bank, TimeProvider time)
{
    /// <summary>Lines of history that are kept.</summary>
    public const int MostChanges = 1000;

    /// <summary>Retired versions that are kept, beside the one that a rollback goes to. Older ones are forgotten: each silo is told all that are kept, with each change.</summary>
    public const int MostRetired = 32;

    private readonly BankMessage _empty = new() { Bank = bank };

    /// <summary>The bank as silos see it.</summary>
    public BankMessage Message { get; private set; } = new() { Bank = bank };

    /// <summary>The same.</summary>
    public BankRecord Record { get; private set; } = BankRecord.Empty(new AdapterName(bank));

    /// <summary>The last changes, oldest first.</summary>
    public ChangeMessage[] Changes { get; private set; } = [];

    /// <summary>Whether another activation has written: this one may change nothing any more.</summary>
    public bool Fenced { get; private set; }

    /// <summary>Whether it is not known what the storage holds.</summary>
    public bool Stale { get; private set; }

    /// <summary>Takes over what was read.</summary>
    public void Load()
    {
        Message = state.State.Bank ?? _empty;
        Record = Message.ToRecord();
        Changes = state.State.Changes;
        Stale = false;
    }

    /// <summary>Reads the storage.</summary>
    /// <exception cref="RolloutException">It failed.</exception>
    public async Task ReadAsync()
    {
        try
        {
            await state.ReadStateAsync();
        }
        catch (Exception e)
        {
            throw Failed(e);
        }

        Load();
    }

    /// <summary>Makes sure that what is shown is what the storage holds.</summary>
    /// <exception cref="RolloutException">The storage failed.</exception>
    public async Task RefreshAsync()
    {
        if (Fenced)
            throw Conflict(null);
        if (Stale)
            await ReadAsync();
    }

    /// <summary>Carries out a change, all of it or nothing.</summary>
    /// <param name="by">Who wants it.</param>
    /// <param name="steps">Makes the steps; none at all is allowed, and writes only where <paramref name="also"/> changes something.</param>
    /// <param name="also">What else is kept with a version.</param>
    /// <returns>Whether anything was written.</returns>
    /// <exception cref="RolloutException">The storage failed, or another activation has written.</exception>
    public async Task<bool> CommitAsync(string by, Action<BankChange> steps, Func<VersionMessage, VersionMessage>? also = null)
    {
        var change = new BankChange(Record, time.GetUtcNow(), by);
        steps(change);
        BankMessage after = After(change, also);
        if (change.Log.Count == 0 && after.Versions.SequenceEqual(Message.Versions))
            return false;
        await WriteAsync(after, [.. Changes.Concat(change.Log.Select(ChangeMessage.Of)).TakeLast(MostChanges)]);
        return true;
    }

    /// <summary>Goes on above a revision that silos follow although the storage does not hold it: it was set back. What it holds stays as it is.</summary>
    /// <exception cref="RolloutException">The storage failed, or another activation has written.</exception>
    public async Task RaiseAsync(long above)
    {
        await ReadAsync();
        if (Message.Revision <= above)
            await WriteAsync(Message with { Revision = above + 1 }, Changes);
    }

    private async Task WriteAsync(BankMessage after, ChangeMessage[] changes)
    {
        GateState before = state.State;
        state.State = new GateState { Bank = after, Changes = changes };
        try
        {
            await state.WriteStateAsync();
        }
        catch (InconsistentStateException e)
        {
            state.State = before;
            Fenced = true;
            throw Conflict(e);
        }
        catch (Exception e)
        {
            // It may have been written although the answer was lost.
            state.State = before;
            Stale = true;
            await ReadAsync();
            throw Failed(e);
        }

        Load();
    }

    // A version whose record did not change keeps its message, so that equal ones are the same.
    private BankMessage After(BankChange change, Func<VersionMessage, VersionMessage>? also)
    {
        Dictionary<string, VersionMessage> known = Message.Versions.ToDictionary(version => version.Version, StringComparer.Ordinal);
        BankMessage after = BankMessage.Of(change.After);
        HashSet<string> forgotten = FindForgotten(after, change);
        return after with { Versions = [.. after.Versions.Where(version => !forgotten.Contains(version.Version)).Select(Keep)] };

        VersionMessage Keep(VersionMessage version)
        {
            VersionMessage? old = known.GetValueOrDefault(version.Version);
            VersionMessage kept = old?.Revision == version.Revision
                ? old
                : version with { Holder = old?.Holder, Deadline = version.State is RolloutState.Draining or RolloutState.Retired ? old?.Deadline : null };
            return also?.Invoke(kept) ?? kept;
        }
    }

    /// <summary>Retired versions that are too many: those that were retired first, and none that this change is about.</summary>
    private static HashSet<string> FindForgotten(BankMessage after, BankChange change)
    {
        HashSet<string> changed = [.. change.Log.Select(line => line.Version)];
        return
        [
            .. after.Versions.Where(version => version.State == RolloutState.Retired && version.Version != after.Previous)
                .OrderByDescending(version => version.Since).Skip(MostRetired).Select(version => version.Version).Where(version => !changed.Contains(version)),
        ];
    }

    private static RolloutException Failed(Exception e) => new(
        new GridError(GridErrorKind.Unavailable, "The cluster's grain storage failed; what is active goes on answering. See the versions' state before trying again.", RetryAfter: TimeSpan.FromSeconds(5)), e);

    private RolloutException Conflict(Exception? e) => new(
        new GridError(GridErrorKind.Conflict, $"Another gate of the bank '{bank}' changed it at the same time. Look at its state and try again.", RetryAfter: TimeSpan.FromSeconds(1)), e);
}
