using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Placement;

/// <summary>
/// Which silo a task grain goes to. Only one that takes requests, has the bank's base model, can answer for the bank and has room. Of those, in this order: one that
/// reports, has no other replica of the task, holds the bank already, and has the least load for its size; by chance between equals.
/// </summary>
internal static class SiloChoice
{
    /// <summary>The silo; null when none can take the grain.</summary>
    /// <param name="key">The grain.</param>
    /// <param name="baseModelHash">The bank's base model, 64 digits.</param>
    /// <param name="silos">All silos.</param>
    /// <param name="options">What to count with.</param>
    /// <param name="random">Decides between equals; not shared with other threads.</param>
    public static SiloCandidate? Choose(TaskKey key, string baseModelHash, IEnumerable<SiloCandidate> silos, PlacementOptions options, Random random)
    {
        SiloCandidate? best = null;
        (bool, bool, bool, double) bestRank = default;
        int equals = 0;
        foreach (SiloCandidate silo in silos)
        {
            if (FindLack(key, baseModelHash, silo, options) is not null)
                continue;
            var rank = (silo.IsSilent, silo.HasReplica, !silo.Holds(key.Bank), silo.RelativeLoad);
            int order = best is null ? -1 : rank.CompareTo(bestRank);
            equals = order < 0 ? 1 : order == 0 ? equals + 1 : equals;
            // Each of n equals stays with the chance 1/n.
            if (order < 0 || (order == 0 && random.Next(equals) == 0))
                (best, bestRank) = (silo, rank);
        }

        return best;
    }

    /// <summary>Why a silo cannot take the grain, to follow its name in a sentence; null when it can.</summary>
    public static string? FindLack(TaskKey key, string baseModelHash, SiloCandidate silo, PlacementOptions options)
    {
        if (silo.Report.Phase != GridPhase.Ready)
            return $"takes no requests, it is {silo.Report.Phase.ToString().ToLowerInvariant()}";
        if (!Array.Exists(silo.Report.Bases, each => each.Hash == baseModelHash))
            return silo.Report.FindBank(key.Bank)?.Problem is { } lost ? $"cannot answer for the bank: {lost.TrimEnd('.')}" : $"does not have the base model {baseModelHash}";
        if (silo.Report.FindBank(key.Bank) is not { } bank)
            return "has not heard of the bank yet";
        if (bank.Problem is { } problem)
            return $"cannot answer for the bank: {problem.TrimEnd('.')}";
        long needed = options.TaskBytes + options.ReserveBytes;
        (long memory, long free) = silo.RoomFor(baseModelHash);
        return free < needed
            ? string.Create(CultureInfo.InvariantCulture, $"has no room, {Math.Max(0, free)} of its {memory} bytes are free and {needed} are needed")
            : null;
    }
}
