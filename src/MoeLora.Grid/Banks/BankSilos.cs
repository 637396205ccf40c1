using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Banks;

/// <summary>What a silo said when it was asked to follow a bank.</summary>
/// <param name="Silo">Its address.</param>
/// <param name="Reply">What it said; null when it did not answer.</param>
internal sealed record SiloAnswer(SiloAddress Silo, FollowReply? Reply)
{
    /// <summary>A name for people.</summary>
    public string Name => Reply?.Node ?? Silo.ToString();
}

/// <summary>A silo that was asked to follow a bank.</summary>
/// <param name="Silo">Its address.</param>
/// <param name="HasSay">
/// Whether it can answer for the bank, or will as soon as the bank has something to answer with. Nobody waits for one that cannot, and its refusals stop nobody: it may be
/// loading for long, or hang.
/// </param>
/// <param name="Answer">What it says; null when it left the cluster. Never fails.</param>
internal sealed record AskedSilo(SiloAddress Silo, bool HasSay, Task<SiloAnswer?> Answer)
{
    /// <summary>What it has said so far; null for nothing yet, and when it left.</summary>
    public SiloAnswer? Said => Answer.IsCompletedSuccessfully ? Answer.Result : null;
}

/// <summary>Brings all silos of the cluster to a bank's state.</summary>
internal sealed partial class BankSilos(IGrainFactory grains, IClusterMembershipService membership, SiloBoard board, TimeProvider time, ILogger<BankSilos> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CountPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The silos that are part of the cluster now.</summary>
    public IEnumerable<SiloAddress> Members => membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress);

    /// <summary>Sends a bank's state to all silos. Each answers when it follows it or has said why it does not.</summary>
    /// <param name="bank">The state.</param>
    /// <param name="before">Who was asked to follow the same state before: one that still works on it is not asked again.</param>
    public IReadOnlyList<AskedSilo> Follow(BankMessage bank, IReadOnlyList<AskedSilo> before)
    {
        BankMessage sent = bank.WithoutTasks();
        return
        [
            .. Members.Select(silo => new AskedSilo(
                silo, HasSay(silo, bank.Bank), before.FirstOrDefault(asked => asked.Silo.Equals(silo) && !asked.Answer.IsCompleted)?.Answer ?? FollowAsync(silo, sent))),
        ];
    }

    /// <summary>What the versions do on all silos together, as far as they say it soon.</summary>
    public async Task<ILookup<(string Bank, string Version), VersionCount>> CountAsync()
    {
        VersionCount[][] counts = await Task.WhenAll(Members.Select(async silo =>
        {
            try
            {
                return await grains.GetGrain<ISiloGrain>(silo.ToParsableString()).CountVersionsAsync().WaitAsync(CountPatience, time);
            }
            catch (Exception e)
            {
                LogNotCounted(silo, e);
                return [];
            }
        }));
        return counts.SelectMany(each => each).ToLookup(count => (count.Bank, count.Version));
    }

    private bool HasSay(SiloAddress silo, string bank) =>
        board.Find(silo.ToParsableString()) is not { } report || (report.Phase == GridPhase.Ready && report.FindBank(bank) is not { Problem: not null });

    private async Task<SiloAnswer?> FollowAsync(SiloAddress silo, BankMessage bank)
    {
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return new SiloAnswer(silo, await grains.GetGrain<ISiloGrain>(silo.ToParsableString()).FollowAsync(bank));
            }
            catch (Exception) when (!Members.Contains(silo))
            {
                return null; // it died or left: it does not count
            }
            catch (Exception e)
            {
                // It died, but the cluster has not noticed yet; or it cannot be reached.
                LogNoAnswer(silo, bank.Bank, e);
                if (time.GetElapsedTime(began) > Patience)
                    return new SiloAnswer(silo, null);
                await Task.Delay(Pause, time);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The silo {Silo} did not say what its versions do.")]
    private partial void LogNotCounted(SiloAddress silo, Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The silo {Silo} did not answer about the bank {Bank}.")]
    private partial void LogNoAnswer(SiloAddress silo, string bank, Exception exception);
}
