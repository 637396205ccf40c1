namespace MoeLora.Serving.Tenants;

/// <summary>How a node keeps tenants and keys.</summary>
public sealed record TenantDirectoryOptions
{
    /// <summary>
    /// How long a node trusts what it read of a key or a tenant: a key that another node took back ends here at most so late. What this node
    /// changes holds at once. Above 0, at most a minute.
    /// </summary>
    public TimeSpan CacheLifetime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether administrators come with tokens of an issuer. Otherwise the last key of an administrator that works can be neither taken back nor disabled, because
    /// nobody could make another.
    /// </summary>
    public bool AdminsFromIssuer { get; init; }

    /// <summary>Where the time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
