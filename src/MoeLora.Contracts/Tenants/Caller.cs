namespace MoeLora.Contracts.Tenants;

/// <summary>What a caller may do. A higher role does not include a lower one: a key carries each that it needs.</summary>
[Flags]
public enum Roles
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Ask tasks, as its tenant.</summary>
    Inference = 1,

    /// <summary>See the grid; publish, activate, roll back and retire adapters.</summary>
    Operator = 2,

    /// <summary>Manage tenants, keys and limits, and read the audit trail.</summary>
    Admin = 4,
}

/// <summary>Who is calling: proven by a key or a token.</summary>
/// <param name="Tenant">For whom it calls.</param>
/// <param name="Subject">Which key or user, for the audit trail: a key's id (never the key), or <c>issuer|subject</c> of a token.</param>
/// <param name="Roles">What it may do.</param>
public sealed record Caller(TenantId Tenant, string Subject, Roles Roles)
{
    /// <summary>Whether it has this role.</summary>
    public bool Has(Roles role) => (Roles & role) == role;
}
