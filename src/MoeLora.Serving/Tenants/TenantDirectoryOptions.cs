namespace MoeLora.Serving.Tenants;

/// <summary>How a node keeps tenants and keys.</summary>
public sealed record TenantDirectoryOptions
{
    /// <summary>
    /// How long a node trusts what it read of a key or a tenant: a key that another node took back ends here at most so late. What this node
    /// changes holds at once. Above 0, at most a minute.
    /// </summary>
    public TimeSpan CacheLifetime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where the time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
