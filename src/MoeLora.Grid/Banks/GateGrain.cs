using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Rollouts;

namespace MoeLora.Grid.Banks;

/// <inheritdoc cref="IGateGrain"/>
/// <remarks>
/// A command writes a new record to the storage, and then sends it to all silos. Commands take turns: the grain is not reentrant, except for reading. What a
/// command left undone, because its silo died or the storage failed, is undone by <see cref="TendAsync"/>: a version that still loads is published again.
/// </remarks>
internal sealed partial class GateGrain(
    [PersistentState("bank", GateGrain.Storage)] IPersistentState<GateState> state, BankSilos silos, TimeProvider time, ILogger<GateGrain> logger) : Grain, IGateGrain
{
    /// <summary>The name of the grain storage for banks.</summary>
    public const string Storage = "moelora";

    /// <summary>Who does what nobody commanded.</summary>
    public const string Gate = "gate";

    // The version that was active stays in memory everywhere: a rollback is instant.
    private const bool KeepPrevious = true;

    // A silo that takes longer to flip does not hold up the command; it is asked again until it follows.
    internal static readonly TimeSpan FlipPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TendPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TendEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IndexPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IndexPause = TimeSpan.FromMilliseconds(100);

    private GateLedger _ledger = null!;
    private IReadOnlyList<AskedSilo> _asked = [];
    private long _askedAbout = -1; // a revision
    private bool _spread;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _ledger = new GateLedger(state, this.GetPrimaryKeyString(), time);
        _ledger.Load();
        // The last activation may have written and not told everybody.
        this.RegisterGrainTimer(TendAsync, new GrainTimerCreationOptions(TimeSpan.Zero, TendEvery));
        return Task.CompletedTask;
    }

    public Task<BankMessage> DescribeAsync() => Task.FromResult(_ledger.Message);

    public Task<BankMessage?> FindNewerAsync(long revision) => Task.FromResult(_ledger.Message.Revision > revision ? _ledger.Message.WithoutTasks() : null);

    public Task<ChangeMessage[]> HistoryAsync(int limit) => Task.FromResult(_ledger.Changes.Reverse().Take(limit).ToArray());

    public Task<CommandReply> PublishAsync(BundleMessage bundle, string holder, string by) => RunAsync(async () =>
    {
        var version = new AdapterVersion(bundle.Version);
        BundleHash hash = BundleHash.Parse(bundle.BundleHash);
        VersionRecord? there = _ledger.Record.Versions.GetValueOrDefault(version);
        if (there is not null && there.BundleHash != hash)
        {
            return new GridError(
                GridErrorKind.Conflict, $"{there.Bank}@{version} is {there.BundleHash} already, and a version never changes; publish {hash} under another version.");
        }

        if (there is null)
            await IndexAsync();
        await _ledger.CommitAsync(
            by,
            change =>
            {
                if (there is null)
                    change.Publish(version, hash, bundle.BaseModelHash, bundle.Tasks.ToImmutableSortedDictionary());
            },
            message => message.Version == bundle.Version ? message with { Holder = holder } : message);
        // Nobody waits for it: silos that have the base model fetch the bundle, so that more than one holds it.
        _spread = false;
        return GridResult<VersionMessage>.Success(Find(version));
    });

    public Task<CommandReply> ExecuteAsync(CommandMessage command, string by) => RunAsync(() => ExecuteAsync(command.ToCommand(this.GetPrimaryKeyString()), by));

    private async Task<GridResult<VersionMessage>> ExecuteAsync(RolloutCommand command, string by)
    {
        if (RolloutRules.FindProblem(_ledger.Record, command) is { } problem)
            return problem;
        AdapterVersion version = RolloutRules.Subject(_ledger.Record, command);
        IReadOnlyList<AskedSilo> asked = [];
        if (RolloutRules.NeedsInMemory(command))
        {
            asked = await LoadAsync(version, by);
            if (WhyRefused(version, asked) is { } refusal)
                return await FailAsync(version, refusal);
        }

        bool changed = await _ledger.CommitAsync(
            by,
            change =>
            {
                if (change.After.Versions[version].State == RolloutState.Loading)
                    change.Move(version, RolloutState.Verified, by: Gate);
                RolloutSteps.Take(change, command, KeepPrevious, missing => WhyMissing(missing, asked));
            },
            message => command is RetireVersion { Deadline: { } deadline } retire && message.Version == retire.Version && message.State == RolloutState.Draining && message.Deadline is null
                ? message with { Deadline = deadline }
                : message);
        if (changed)
            await FlipAsync();
        return GridResult<VersionMessage>.Success(Find(version));
    }

    /// <summary>
    /// Every silo loads and proves a version. It is loading then in the record, unless all should have it already: a silo that does not say so soon does not hold up the command.
    /// </summary>
    private async Task<IReadOnlyList<AskedSilo>> LoadAsync(AdapterVersion version, string by)
    {
        bool isThere = IsInMemory(_ledger.Record.Versions[version].State);
        await _ledger.CommitAsync(by, change =>
        {
            RolloutState state = change.After.Versions[version].State;
            if (state == RolloutState.Draining)
                change.Move(version, state = RolloutState.Retired, "Its draining was called off.");
            if (!IsInMemory(state))
                change.Move(version, RolloutState.Loading);
        });
        TimeSpan patience = isThere ? FlipPatience : Timeout.InfiniteTimeSpan;
        await AskAsync(patience);
        // Somebody must have it: if nobody who has a say has, the others count.
        if (!_asked.Any(silo => Has(silo, version)))
            await WaitAsync(_asked, patience);
        return _asked;
    }

    private async Task<GridError> FailAsync(AdapterVersion version, string refusal)
    {
        bool changed = await _ledger.CommitAsync(Gate, change =>
        {
            // One that answers goes on where it can; only one that was to be loaded has failed.
            if (change.After.Versions[version].State == RolloutState.Loading)
                change.Move(version, RolloutState.Failed, refusal);
        });
        if (changed)
            await FlipAsync();
        return new GridError(GridErrorKind.InvalidRequest, $"{_ledger.Record.Name}@{version} cannot be loaded: {refusal}");
    }

    /// <summary>Why a version cannot answer new requests everywhere; null when it can. Silos that answered nothing for the bank before have no say, but somebody must have it.</summary>
    private static string? WhyRefused(AdapterVersion version, IReadOnlyList<AskedSilo> asked)
    {
        string[] refusals = [.. asked.Where(silo => silo is { HasSay: true, Said.Reply: not { WasExcluded: true } }).Select(silo => Refusal(silo, version)).OfType<string>()];
        if (refusals.Length > 0)
            return string.Join(" ", refusals);
        if (asked.Any(silo => Has(silo, version)))
            return null;
        string[] all = [.. asked.Select(silo => Refusal(silo, version)).OfType<string>()];
        return all.Length > 0 ? string.Join(" ", all)
            : asked.All(silo => silo.Answer.IsCompleted) ? "No silo that is ready has its base model."
            : $"No silo has it in memory, as far as they said within {FlipPatience.TotalSeconds} s.";
    }

    /// <summary>Why a version that should be in memory is nowhere; null when a silo has it.</summary>
    private static string? WhyMissing(AdapterVersion version, IReadOnlyList<AskedSilo> asked)
    {
        if (asked.Any(silo => Has(silo, version)))
            return null;
        string[] problems = [.. asked.Select(silo => Refusal(silo, version)).OfType<string>()];
        return problems.Length > 0 ? string.Join(" ", problems) : null;
    }

    private static bool Has(AskedSilo silo, AdapterVersion version) => silo.Said?.Reply?.Loaded.Contains(version.ToString(), StringComparer.Ordinal) == true;

    private static string? Refusal(AskedSilo silo, AdapterVersion version) => silo.Said is not { } said ? null
        : said.Reply is null ? $"The silo {said.Name} does not answer."
        : said.Reply.Problems.GetValueOrDefault(version.ToString()) is { } problem ? $"The silo {said.Name}: {problem}" : null;

    /// <summary>Sends the record to all silos, and waits for those that have a say.</summary>
    /// <exception cref="RolloutException">They follow something newer, which the storage has forgotten.</exception>
    private async Task AskAsync(TimeSpan patience)
    {
        BankMessage bank = _ledger.Message;
        _asked = silos.Follow(bank, _askedAbout == bank.Revision ? _asked : []);
        _askedAbout = bank.Revision;
        await WaitAsync(_asked.Where(silo => silo.HasSay), patience);
        long newest = _asked.Select(silo => silo.Said?.Reply?.Revision ?? -1).DefaultIfEmpty(-1).Max();
        if (newest <= bank.Revision)
            return;
        await _ledger.RaiseAsync(newest);
        throw new RolloutException(new GridError(
            GridErrorKind.Conflict,
            $"Silos follow revision {newest} of the bank '{bank.Bank}', but the cluster's grain storage held revision {bank.Revision}: it was set back. What it holds counts from now on. Look at the versions' state and try again."));
    }

    private async Task WaitAsync(IEnumerable<AskedSilo> asked, TimeSpan patience)
    {
        try
        {
            await Task.WhenAll(asked.Select(silo => silo.Answer)).WaitAsync(patience, time);
        }
        catch (TimeoutException)
        {
            // They are asked again until they answer.
        }
    }

    /// <summary>Tells all silos what the record says now.</summary>
    private async Task SpreadAsync(TimeSpan patience)
    {
        _spread = false;
        await AskAsync(patience);
        _spread = _asked.All(silo => silo.Answer.IsCompleted && silo.Said is null or { Reply: not null });
    }

    /// <summary>Tells all silos what a command changed. One that does not follow soon does not hold up the command.</summary>
    private async Task FlipAsync()
    {
        await SpreadAsync(FlipPatience);
        string[] late = [.. _asked.Where(silo => silo.HasSay && !silo.Answer.IsCompleted).Select(silo => silo.Silo.ToString())];
        if (late.Length > 0)
            LogLate(this.GetPrimaryKeyString(), _askedAbout, string.Join(", ", late));
    }

    /// <summary>Undoes what a command left undone, tells silos that do not follow yet, and ends drains.</summary>
    private async Task TendAsync(CancellationToken cancellation)
    {
        if (_ledger.Fenced)
            return;
        try
        {
            await _ledger.RefreshAsync();
            await UndoAsync();
            bool drains = _ledger.Record.InState(RolloutState.Draining).Any();
            if (_spread && !drains)
                return;
            await SpreadAsync(TendPatience);
            if (drains && _spread)
                await EndDrainsAsync();
        }
        catch (RolloutException e)
        {
            LogNotTended(this.GetPrimaryKeyString(), e);
            LeaveIfFenced();
        }
    }

    private Task<bool> UndoAsync() => _ledger.CommitAsync(Gate, change =>
    {
        foreach (VersionRecord version in change.Before.InState(RolloutState.Loading))
        {
            _spread = false;
            change.Move(version.Version, RolloutState.Published, "Its loading did not end.");
        }
    });

    private Task<bool> EndDrainsAsync() => _ledger.CommitAsync(Gate, change =>
    {
        _spread = false; // silos are to know it
        foreach (VersionRecord version in change.Before.InState(RolloutState.Draining))
        {
            string name = version.Version.ToString();
            if (!_asked.Any(silo => Has(silo, version.Version) || silo.Said?.Reply?.Draining.Contains(name, StringComparer.Ordinal) == true))
                change.Move(version.Version, RolloutState.Retired);
        }
    });

    private async Task<CommandReply> RunAsync(Func<Task<GridResult<VersionMessage>>> command)
    {
        try
        {
            await _ledger.RefreshAsync();
            await UndoAsync();
            return (await command()).TryGet(out VersionMessage? version, out GridError? error) ? new CommandReply(version, null) : new CommandReply(null, ErrorMessage.Of(error));
        }
        catch (RolloutException e)
        {
            LogNotDone(this.GetPrimaryKeyString(), e);
            LeaveIfFenced();
            return new CommandReply(null, ErrorMessage.Of(e.Error));
        }
    }

    private void LeaveIfFenced()
    {
        if (_ledger.Fenced)
            DeactivateOnIdle();
    }

    private async Task IndexAsync()
    {
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await GrainFactory.GetGrain<IBankIndexGrain>(0).AddAsync(this.GetPrimaryKeyString());
                return;
            }
            catch (Exception e) when (e is SiloUnavailableException or OrleansMessageRejectionException && time.GetElapsedTime(began) < IndexPatience)
            {
                await Task.Delay(IndexPause, time); // its silo died; it wakes up elsewhere
            }
            catch (Exception e)
            {
                throw new RolloutException(new GridError(GridErrorKind.Unavailable, "The list of banks in the cluster's grain storage could not be written; nothing was changed.", RetryAfter: TimeSpan.FromSeconds(5)), e);
            }
        }
    }

    private VersionMessage Find(AdapterVersion version) => _ledger.Message.Versions.Single(message => message.Version == version.ToString());

    private static bool IsInMemory(RolloutState state) => state is RolloutState.Verified or RolloutState.Canary or RolloutState.Active;

    [LoggerMessage(Level = LogLevel.Warning, Message = "A command on the bank {Bank} could not be carried out.")]
    private partial void LogNotDone(string bank, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bank {Bank} is at revision {Revision}, but these silos do not follow it yet: {Silos}. They are asked until they do.")]
    private partial void LogLate(string bank, long revision, string silos);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bank {Bank} could not be tended; it is tried again.")]
    private partial void LogNotTended(string bank, Exception exception);
}
