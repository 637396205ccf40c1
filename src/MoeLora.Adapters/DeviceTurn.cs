namespace MoeLora.Adapters;

/// <summary>
/// Runs a short piece of work on the thread that drives the device, and completes after it or fails with its exception. Long work that is cut
/// into such pieces lets a serving engine go on between them.
/// </summary>
/// <param name="piece">The work.</param>
public delegate Task DeviceTurn(Action piece);

/// <summary>Ways to take a turn.</summary>
internal static class DeviceTurns
{
    /// <summary>At once, on the caller's thread: what is awaited with it has completed already.</summary>
    public static DeviceTurn Inline { get; } = piece =>
    {
        piece();
        return Task.CompletedTask;
    };
}
