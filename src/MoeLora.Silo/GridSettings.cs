using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Silo;

/// <summary>What placement counts with; see <see cref="PlacementOptions"/>.</summary>
internal sealed record PlacementSettings
{
    public int TaskKb { get; init; } = 16;

    public int ReserveMb { get; init; } = 64;

    public double SilentSeconds { get; init; } = 5;

    public void Apply(PlacementOptions options)
    {
        options.TaskBytes = (long)TaskKb << 10;
        options.ReserveBytes = (long)ReserveMb << 20;
        options.SilentAfter = Times.Seconds(SilentSeconds);
    }
}

/// <summary>When a task gets more grains; see <see cref="ReplicaOptions"/>.</summary>
internal sealed record ReplicaSettings
{
    public int GrowAt { get; init; } = 8;

    public int Most { get; init; } = 16;

    public double SettleSeconds { get; init; } = 2;

    public double QuietSeconds { get; init; } = 30;

    public void Apply(ReplicaOptions options) =>
        (options.GrowAt, options.Most, options.Settle, options.Quiet) = (GrowAt, Most, Times.Seconds(SettleSeconds), Times.Seconds(QuietSeconds));
}

/// <summary>How a silo tells the others about itself; see <see cref="AnnouncementOptions"/>.</summary>
internal sealed record AnnouncementSettings
{
    public int PeriodMs { get; init; } = 500;

    public double DrainSeconds { get; init; } = 30;

    public void Apply(AnnouncementOptions options) => (options.Period, options.DrainDeadline) = (TimeSpan.FromMilliseconds(PeriodMs), Times.Seconds(DrainSeconds));
}

/// <summary>Times of a configuration file.</summary>
internal static class Times
{
    /// <summary>A number of seconds; one that no time can have is so far outside every range that it is a problem there.</summary>
    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(Math.Clamp(seconds, -1, 1e9));
}
