namespace MoeLora.Contracts.Rollouts;

/// <summary>Where an adapter version is in its life.</summary>
public enum RolloutState
{
    /// <summary>Its bundle is stored; nothing has loaded it.</summary>
    Published,

    /// <summary>It is being loaded and proven next to what runs.</summary>
    Loading,

    /// <summary>It gave its own check logits and can answer; only requests that name it do get it.</summary>
    Verified,

    /// <summary>It answers a share of the bank's new requests, or those of named tenants.</summary>
    Canary,

    /// <summary>It answers the bank's new requests.</summary>
    Active,

    /// <summary>It takes no new requests; those that it has go on to their end or the deadline.</summary>
    Draining,

    /// <summary>It is out of memory. Its bundle is kept, and it can be loaded again.</summary>
    Retired,

    /// <summary>It could not be loaded or proven; the reason is kept with it.</summary>
    Failed,
}
