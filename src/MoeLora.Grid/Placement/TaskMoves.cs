using Microsoft.Extensions.Options;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Placement;

/// <summary>Moves this silo's task grains elsewhere: all when it stops, those of a bank that it cannot answer for, some when a device is full. Only idle ones move, so that no answer is interrupted.</summary>
internal sealed class TaskMoves(
    ResidentTasks resident, SiloBoard board, ISiloPeers peers, IOptions<PlacementOptions> placement, IOptions<AnnouncementOptions> announcement, TimeProvider time)
{
    private const int MostAtOnce = 100;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>Moves all as they become idle. Ends when none is left, or at the deadline for draining.</summary>
    /// <param name="cancellation">Waits no longer.</param>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        long began = time.GetTimestamp();
        while (resident.Grains.Any() && time.GetElapsedTime(began) < announcement.Value.DrainDeadline)
        {
            foreach (IResidentTask grain in resident.Grains.Where(grain => grain.Depth == 0))
                Move(grain);
            await Task.Delay(Look, time, cancellation);
        }
    }

    /// <summary>Moves idle grains of banks that the silo cannot answer for, where another can: some each time, so that they do not all arrive at once.</summary>
    /// <param name="own">What the silo said of itself last.</param>
    public void LeaveBanks(SiloReport own)
    {
        HashSet<string> banks = [.. own.Banks.Where(bank => bank.Problem is not null).Select(bank => bank.Bank)];
        if (banks.Count == 0)
            return;
        foreach (IResidentTask grain in resident.Grains
            .Where(each => each.Depth == 0 && TaskKey.TryParse(each.Key, out TaskKey? key) && banks.Contains(key.Value.Bank) && HasRoomElsewhere(each.Key, own)).Take(MostAtOnce))
            Move(grain);
    }

    /// <summary>Moves one idle grain where its device has no room left and another silo has: the one with the most recovered weights.</summary>
    /// <param name="own">What the silo said of itself last.</param>
    public void Relieve(SiloReport own)
    {
        if (own.FreeBytes >= placement.Value.ReserveBytes && Array.TrueForAll(own.Devices, device => device.FreeBytes >= placement.Value.ReserveBytes))
            return;
        Dictionary<string, long> bytes = own.Tasks.ToDictionary(task => task.Key, task => task.Bytes, StringComparer.Ordinal);
        IResidentTask? grain = resident.Grains.Where(each => each.Depth == 0 && IsOnFullDevice(each.Key, own)).MaxBy(each => bytes.GetValueOrDefault(each.Key));
        if (grain is not null && HasRoomElsewhere(grain.Key, own))
            Move(grain);
    }

    private bool IsOnFullDevice(string text, SiloReport own) =>
        TaskKey.TryParse(text, out TaskKey? key) && board.FindBaseModel(key.Value.Bank) is { } baseModel && new SiloCandidate(own).RoomFor(baseModel).Free < placement.Value.ReserveBytes;

    private bool HasRoomElsewhere(string text, SiloReport own) =>
        TaskKey.TryParse(text, out TaskKey? key) && board.FindBaseModel(key.Value.Bank) is { } baseModel &&
        board.Reports.Any(report => report.Silo != own.Silo && SiloChoice.FindLack(key.Value, baseModel, new SiloCandidate(report), placement.Value) is null);

    private void Move(IResidentTask grain)
    {
        // Without another silo there is nowhere to go; the next call finds a place for it.
        if (board.Reports.Any(report => report.Phase == GridPhase.Ready && report.Silo != peers.Self))
            grain.Migrate();
        else
            grain.Deactivate();
    }
}
