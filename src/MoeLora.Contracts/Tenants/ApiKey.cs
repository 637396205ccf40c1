namespace MoeLora.Contracts.Tenants;

/// <summary>What is known of a key: everything but the key.</summary>
/// <param name="Id">Names it in lists, commands and the audit trail; no secret.</param>
/// <param name="Tenant">For whom it calls.</param>
/// <param name="Label">What its owner calls it.</param>
/// <param name="Roles">What it may do.</param>
/// <param name="Created">Since when it exists.</param>
/// <param name="Expires">When it ends; null for never.</param>
/// <param name="Revoked">When it was taken back, or will be after a rotation's grace; null for neither.</param>
public sealed record ApiKey(string Id, TenantId Tenant, string Label, Roles Roles, DateTimeOffset Created, DateTimeOffset? Expires, DateTimeOffset? Revoked);

/// <summary>A key as it is shown once, when it is made. Prints without its secret.</summary>
/// <param name="Key">What is known of it from now on.</param>
/// <param name="Secret">What its owner sends; it is kept nowhere.</param>
public sealed record NewApiKey(ApiKey Key, string Secret)
{
    /// <summary>The id, never the secret.</summary>
    public override string ToString() => Key.Id;
}
