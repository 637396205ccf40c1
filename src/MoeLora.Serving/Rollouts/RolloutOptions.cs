namespace MoeLora.Serving.Rollouts;

/// <summary>How a node exchanges versions.</summary>
internal sealed record RolloutOptions
{
    /// <summary>Longest time that answers may go on on a version that takes no new ones.</summary>
    public static readonly TimeSpan LongestDrain = TimeSpan.FromHours(24);

    /// <summary>
    /// Keeps the version that was active before in memory, so that a rollback is instant and cannot fail to load, at the price of its bank
    /// (and of merged tasks' weights, if the host keeps those). Otherwise it drains, and a rollback loads it again.
    /// </summary>
    public bool KeepPrevious { get; init; } = true;

    /// <summary>How long answers on a version that takes no new ones may go on, where the command does not say. At most <see cref="LongestDrain"/>.</summary>
    public TimeSpan DrainDeadline { get; init; } = TimeSpan.FromMinutes(2);
}
