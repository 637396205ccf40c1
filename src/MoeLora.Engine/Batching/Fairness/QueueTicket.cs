namespace MoeLora.Engine.Batching.Fairness;

/// <summary>A request's place in a <see cref="FairQueue"/>: it waits, runs, perhaps waits again, and ends.</summary>
internal abstract class QueueTicket
{
    protected QueueTicket() => Node = new LinkedListNode<QueueTicket>(this);

    /// <summary>Whose it is; set by the queue.</summary>
    public TenantShare Tenant { get; set; } = null!;

    /// <summary>Grows with the time of submission; set by the queue.</summary>
    public long Arrival { get; set; }

    /// <summary>In its tenant's list while it waits.</summary>
    public LinkedListNode<QueueTicket> Node { get; }
}
