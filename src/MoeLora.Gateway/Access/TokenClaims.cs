using System.Security.Claims;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>Tokens of an OpenID Connect issuer: how they are checked, and what their claims mean.</summary>
internal static class TokenClaims
{
    public const string Scheme = "oidc";

    // No symmetric ones: with those, whoever can check a token could make one.
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    public static void Add(IServiceCollection services, OidcOptions options) =>
        services.AddAuthentication().AddJwtBearer(Scheme, bearer =>
        {
            bearer.MapInboundClaims = false;
            bearer.TokenValidationParameters = new TokenValidationParameters
            {
                ValidIssuer = options.Issuer,
                ValidAudience = options.Audience,
                ValidAlgorithms = Algorithms,
                RequireExpirationTime = true,
                RequireSignedTokens = true,
                ClockSkew = TimeSpan.FromMinutes(1),
            };
            if (options.KeySet is { } keys)
                bearer.TokenValidationParameters.IssuerSigningKeys = new JsonWebKeySet(keys).GetSigningKeys();
            else
                bearer.Authority = options.Issuer;
        });

    /// <returns>Who the token is for, or what it lacks.</returns>
    public static GridResult<Caller> Read(ClaimsPrincipal principal, OidcOptions options)
    {
        if (principal.FindFirst("sub")?.Value is not { Length: > 0 and <= 255 } subject)
            return new GridError(GridErrorKind.Forbidden, "The token has no subject.");
        if (!TenantId.TryParse(Values(principal, options.TenantClaim).FirstOrDefault(), out TenantId tenant, out string? problem))
            return new GridError(GridErrorKind.Forbidden, $"The token's claim of the tenant {problem}.");
        Roles roles = Roles.None;
        foreach (string value in Values(principal, options.RolesClaim))
        {
            foreach (string name in value.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                roles |= options.RoleNames.GetValueOrDefault(name);
        }

        return GridResult<Caller>.Success(new Caller(tenant, $"{options.Issuer}|{subject}", roles));
    }

    /// <summary>
    /// The texts of a claim: of this very name, dots included; where there is none, of the member that the name leads to, such as <c>roles</c> in the object
    /// <c>realm_access</c>.
    /// </summary>
    private static IEnumerable<string> Values(ClaimsPrincipal principal, string path)
    {
        string[] whole = [.. principal.FindAll(path).Select(claim => claim.Value)];
        if (whole.Length > 0)
            return whole;
        int dot = path.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? [] : principal.FindAll(path[..dot]).Where(claim => claim.ValueType == JsonClaimValueTypes.Json).SelectMany(claim => Members(claim.Value, path[(dot + 1)..]));
    }

    private static string[] Members(string json, string path)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement at = document.RootElement;
        foreach (string name in path.Split('.'))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
                return [];
        }

        JsonElement[] values = at.ValueKind == JsonValueKind.Array ? [.. at.EnumerateArray()] : [at];
        return [.. values.Where(value => value.ValueKind == JsonValueKind.String).Select(value => value.GetString()!)];
    }
}
