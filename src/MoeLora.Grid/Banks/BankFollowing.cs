using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Banks;

/// <summary>
/// Asks the gates, so that a silo follows them also when it was not there, or could not be reached, when they spoke: all when it starts and every few seconds, and
/// one at once when another silo reports a newer state of its bank. Asking also wakes a gate whose silo died.
/// </summary>
internal sealed partial class BankFollowing(ISiloNode node, BankFollower follower, SiloBoard board, IGrainFactory grains, SiloAnnouncer announcer, TimeProvider time, ILogger<BankFollowing> logger) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    private const int TicksToAskAll = 8;

    private readonly Dictionary<string, Task> _asking = new(StringComparer.Ordinal);
    private int _ticks;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        follower.Announce = () => announcer.AnnounceNowAsync(stoppingToken);
        using var timer = new PeriodicTimer(Tick, time);
        try
        {
            do
            {
                await LookAsync();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task LookAsync()
    {
        if (node.Grid.Status.Phase != GridPhase.Ready)
            return;
        try
        {
            await follower.RefreshReportsAsync();
            if (_ticks % TicksToAskAll != 0 || await AskAllAsync())
                _ticks++;
            foreach (string bank in Newer().Union(Unheard(), StringComparer.Ordinal))
                Ask(bank);
        }
        catch (Exception e)
        {
            LogNotLooked(e);
        }
    }

    private IEnumerable<string> Newer() => board.Reports.SelectMany(silo => silo.Banks)
        .Where(bank => bank.Revision > follower.Revision(bank.Bank)).Select(bank => bank.Bank).Distinct(StringComparer.Ordinal).ToArray();

    // A silo that has just started answers nothing for a bank before it has heard from its gate, whose silo may have died in between.
    private string[] Unheard() => [.. _asking.Keys.Where(bank => follower.Revision(bank) < 0)];

    private async Task<bool> AskAllAsync()
    {
        try
        {
            string[] banks = await grains.GetGrain<IBankIndexGrain>(0).ListAsync();
            foreach (string bank in banks.Union(follower.Banks, StringComparer.Ordinal))
                Ask(bank);
            return true;
        }
        catch (Exception e)
        {
            LogNoIndex(e);
            foreach (string bank in follower.Banks)
                Ask(bank);
            return false;
        }
    }

    private void Ask(string bank)
    {
        if (_asking.GetValueOrDefault(bank) is not { IsCompleted: false })
            _asking[bank] = AskAsync(bank);
    }

    private async Task AskAsync(string bank)
    {
        try
        {
            BankMessage? newer = await grains.GetGrain<IGateGrain>(bank).FindNewerAsync(follower.Revision(bank));
            if ((newer ?? (follower.HasMore(bank) ? follower.Told(bank) : null)) is { } wanted)
                await follower.FollowAsync(wanted);
        }
        catch (Exception e)
        {
            LogNoGate(bank, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The silo could not look at its banks.")]
    private partial void LogNotLooked(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The list of banks cannot be read now.")]
    private partial void LogNoIndex(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The gate of the bank {Bank} cannot be asked now; what the silo has goes on answering.")]
    private partial void LogNoGate(string bank, Exception exception);
}
