using System.Security.Claims;
using Microsoft.Extensions.DependencyInjection;
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
        if (!TenantId.TryParse(principal.FindFirst(options.TenantClaim)?.Value, out TenantId tenant, out string? problem))
            return new GridError(GridErrorKind.Forbidden, $"The token's claim of the tenant {problem}.");
        Roles roles = Roles.None;
        foreach (Claim claim in principal.FindAll(options.RolesClaim))
        {
            foreach (string name in claim.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                roles |= options.RoleNames.GetValueOrDefault(name);
        }

        return GridResult<Caller>.Success(new Caller(tenant, $"{options.Issuer}|{subject}", roles));
    }
}
