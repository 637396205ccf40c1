using Microsoft.Extensions.Logging;
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

/// <summary>Brings all silos of the cluster to a bank's state.</summary>
internal sealed partial class BankSilos(IGrainFactory grains, IClusterMembershipService membership, TimeProvider time, ILogger<BankSilos> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CountPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The silos that are part of the cluster now.</summary>
    public IEnumerable<SiloAddress> Members => membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress);

    /// <summary>Sends a bank's state to all silos, and waits until each follows it, has said why it does not, or has left the cluster.</summary>
    /// <param name="bank">The state.</param>
    /// <returns>One answer for each silo that has not left.</returns>
    public async Task<IReadOnlyList<SiloAnswer>> FollowAsync(BankMessage bank)
    {
        SiloAnswer?[] answers = await Task.WhenAll(Members.Select(silo => FollowAsync(silo, bank)));
        return [.. answers.OfType<SiloAnswer>()];
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

    private async Task<SiloAnswer?> FollowAsync(SiloAddress silo, BankMessage bank)
    {
        DateTimeOffset began = time.GetUtcNow();
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
                if (time.GetUtcNow() - began > Patience)
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
