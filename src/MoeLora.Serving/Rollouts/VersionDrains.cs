using Microsoft.Extensions.Logging;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Serving.Rollouts;

/// <summary>
/// Takes versions out of memory when their last answer has ended. At the deadline those that still run are ended with an error that says so;
/// even then the memory is freed only when the last pin is back.
/// </summary>
internal sealed partial class VersionDrains(BankBoard board, RolloutOptions options, RolloutMetrics metrics, TimeProvider time, ILogger logger)
{
    /// <summary>Begins a drain; part of a change of the bank.</summary>
    public Drain Start(Bank bank, ServedVersion served)
    {
        TimeSpan deadline = bank.Deadlines.Remove(served.Key.Version, out TimeSpan wanted) ? wanted : options.DrainDeadline;
        var callOff = new CancellationTokenSource();
        Task idle = served.Close();
        long began = metrics.Now;
        return new Drain(callOff, Task.Run(() => DrainAsync(bank, served, idle, began, deadline, callOff.Token), CancellationToken.None));
    }

    /// <summary>
    /// Lets a version that drains go on, verified: its answers never noticed. A drain whose deadline is over ends first; the version is retired then.
    /// The bank's turn must be held.
    /// </summary>
    public async Task CallOffAsync(Bank bank, AdapterVersion version, string by)
    {
        if (!bank.Drains.TryGetValue(version, out Drain? drain))
        {
            await board.ChangeAsync(bank, by, _ => { }); // it is out of memory; this writes it down
            return;
        }

        await drain.CallOff.CancelAsync();
        await drain.Completion;
        await board.ChangeAsync(
            bank,
            by,
            change =>
            {
                if (bank.Drains.ContainsKey(version) && change.After.Versions[version].State == RolloutState.Draining)
                    change.Move(version, RolloutState.Verified, "Its draining was called off.");
            },
            () =>
            {
                if (!bank.Drains.ContainsKey(version))
                    return;
                bank.Drains = bank.Drains.Remove(version);
                bank.Served[version].Reopen();
            });
    }

    private async Task DrainAsync(Bank bank, ServedVersion served, Task idle, long began, TimeSpan deadline, CancellationToken calledOff)
    {
        string? reason = null;
        try
        {
            await idle.WaitAsync(deadline, time, calledOff);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (TimeoutException)
        {
            int left = served.Pins;
            reason = $"{left} answers were ended at its deadline.";
            EndSequences(served, new GridError(GridErrorKind.Withdrawn, $"{served.Key} was taken out of service and this answer did not end by its deadline. Send the request again."));
            await idle;
        }

        metrics.Drained(served.Key, began);
        await FreeAsync(served);
        try
        {
            await board.ChangeAsync(bank, NodeRollouts.Node, change =>
            {
                AdapterVersion version = served.Key.Version;
                bank.Served = bank.Served.Remove(version);
                bank.Drains = bank.Drains.Remove(version);
                if (change.After.Versions[version].State == RolloutState.Draining)
                    change.Move(version, RolloutState.Retired, reason);
            });
        }
        catch (RolloutException e)
        {
            LogNotWritten(served.Key, e);
        }
    }

    /// <summary>Ends what runs on a version and frees it, when the node stops.</summary>
    public async Task EndAsync(ServedVersion served)
    {
        Task idle = served.Close();
        EndSequences(served, new GridError(GridErrorKind.Stopping, "The node is shutting down."));
        await idle;
        await FreeAsync(served);
    }

    private void EndSequences(ServedVersion served, GridError error)
    {
        try
        {
            served.Loaded.EndSequences(error);
        }
        catch (Exception e)
        {
            LogNotEnded(served.Key, e); // the memory stays until they end by themselves
        }
    }

    private async Task FreeAsync(ServedVersion served)
    {
        try
        {
            await served.Loaded.DisposeAsync();
        }
        catch (Exception e)
        {
            LogNotFreed(served.Key, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Version} is out of memory, but the database could not be told; the next change of its bank does.")]
    private partial void LogNotWritten(AdapterVersionKey version, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The answers on {Version} could not be ended.")]
    private partial void LogNotEnded(AdapterVersionKey version, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The memory of {Version} could not be freed.")]
    private partial void LogNotFreed(AdapterVersionKey version, Exception exception);
}
