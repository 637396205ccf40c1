namespace MoeLora.Engine.Batching.Fairness;

/// <summary>What a tenant was served and what it waits for. Written by its <see cref="FairQueue"/> only, but for <see cref="Running"/>.</summary>
internal sealed class TenantShare(string key)
{
    /// <summary>Which tenant.</summary>
    public string Key { get; } = key;

    /// <summary>Its share relative to others'.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>The virtual counter: cost of what it was served, divided by its weight.</summary>
    public double Counter { get; set; }

    /// <summary>Its waiting requests by arrival.</summary>
    public LinkedList<QueueTicket> Waiting { get; } = [];

    /// <summary>Its requests that have not ended, waiting or running.</summary>
    public int Open { get; set; }

    /// <summary>Its sequences that run: kept by the engine, on its thread.</summary>
    public int Running { get; set; }
}
