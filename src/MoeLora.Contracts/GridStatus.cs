namespace MoeLora.Contracts;

/// <summary>Whether a grid takes requests now.</summary>
/// <param name="Phase">Where it is in its life.</param>
/// <param name="Detail">What it is doing, for a person: what is being loaded, or why it failed. No path of the machine.</param>
public sealed record GridStatus(GridPhase Phase, string Detail)
{
    /// <summary>Whether it takes requests.</summary>
    public bool IsReady => Phase == GridPhase.Ready;
}

/// <summary>The life of a grid.</summary>
public enum GridPhase
{
    /// <summary>The model is being loaded.</summary>
    Loading,

    /// <summary>Requests are answered.</summary>
    Ready,

    /// <summary>Loading failed, or all its devices were lost; it will not become ready.</summary>
    Failed,

    /// <summary>Running requests finish, new ones are refused.</summary>
    Stopping,
}
