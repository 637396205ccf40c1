namespace MoeLora.Grid.Requests;

/// <summary>How requests go on when silos fail.</summary>
public sealed class ClusterRequestOptions
{
    /// <summary>How long a request that no silo can take, or an answer whose silo was lost, is tried elsewhere before it fails. Above 0. An hour at most.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The wait before the second try; it doubles up to a second. Above 0.</summary>
    public TimeSpan FirstWait { get; set; } = TimeSpan.FromMilliseconds(25);
}
