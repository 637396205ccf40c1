namespace MoeLora.Engine.Batching;

/// <summary>Whether a request was taken.</summary>
public enum SubmitStatus
{
    /// <summary>It was: its output is told how it goes on, until its end.</summary>
    Accepted,

    /// <summary>Too many requests wait, of all tenants or of its own. Its output is not told anything. Later it may be taken.</summary>
    QueueFull,

    /// <summary>It is larger than the engine's memory or the model's context. Its output is not told anything.</summary>
    NeverFits,

    /// <summary>The engine takes no more requests. Its output is not told anything.</summary>
    Stopping,

    /// <summary>The device computes nothing any more. Its output is not told anything.</summary>
    DeviceLost,
}

/// <summary>What became of a request at its submission.</summary>
/// <param name="Status">Whether it was taken.</param>
/// <param name="Problem">Why not, with the numbers; null when it was taken.</param>
public readonly record struct SubmitResult(SubmitStatus Status, string? Problem = null)
{
    /// <summary>Whether it was taken.</summary>
    public bool IsAccepted => Status == SubmitStatus.Accepted;
}
