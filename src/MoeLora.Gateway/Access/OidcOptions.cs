using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>Whose tokens (JSON Web Tokens, RFC 7519) are taken, and how their claims are read.</summary>
public sealed record OidcOptions
{
    /// <summary>The issuer, exactly as tokens name it; its keys are found at <c>/.well-known/openid-configuration</c> below it.</summary>
    public required string Issuer { get; init; }

    /// <summary>For whom tokens must be made.</summary>
    public required string Audience { get; init; }

    /// <summary>The issuer's keys (a JSON Web Key Set, RFC 7517) where they are not fetched from it; null fetches them.</summary>
    public string? KeySet { get; init; }

    /// <summary>The claim that names the tenant; a member of a claim that is an object has dots before it.</summary>
    public string TenantClaim { get; init; } = "tenant";

    /// <summary>The claim that names roles: a list, or one text with spaces between. A member of a claim that is an object has dots before it: <c>realm_access.roles</c>.</summary>
    public string RolesClaim { get; init; } = "roles";

    /// <summary>What the issuer calls our roles. Its other roles mean nothing here.</summary>
    public IReadOnlyDictionary<string, Roles> RoleNames { get; init; } = new Dictionary<string, Roles>
    {
        ["inference"] = Roles.Inference,
        ["operator"] = Roles.Operator,
        ["admin"] = Roles.Admin,
    };

    internal IEnumerable<string> FindProblems()
    {
        if (KeySet is null && !(Uri.TryCreate(Issuer, UriKind.Absolute, out Uri? issuer) && issuer.Scheme == Uri.UriSchemeHttps))
            yield return "Oidc: the issuer must be an https address, because its keys are fetched from it. Give its key set otherwise.";
        if (Audience.Length == 0)
            yield return "Oidc: the audience must not be empty.";
        if (TenantClaim.Length == 0 || RolesClaim.Length == 0)
            yield return "Oidc: the claims of tenant and roles must have names.";
    }
}
