using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>Finds out who is calling.</summary>
internal sealed class Authenticator(GatewayParts parts, GatewayOptions options)
{
    private const string Scheme = "Bearer ";

    private static readonly Caller LocalProcess = new(TenantId.Local, "anonymous", Roles.Inference | Roles.Operator | Roles.Admin);
    private static readonly Caller Stranger = new(TenantId.Local, "anonymous", Roles.Inference);

    /// <returns>The caller, or why there is none: <see cref="GridErrorKind.Unauthenticated"/>, or <see cref="GridErrorKind.Forbidden"/> for a token that is valid but not for here.</returns>
    public ValueTask<GridResult<Caller>> AuthenticateAsync(HttpContext context)
    {
        string? header = context.Request.Headers.Authorization;
        if (string.IsNullOrEmpty(header))
        {
            return new(options.AllowAnonymous
                ? GridResult<Caller>.Success(IsLocal(context) ? LocalProcess : Stranger)
                : new GridError(GridErrorKind.Unauthenticated, "There is no key. Send one in the header Authorization: Bearer <key>."));
        }

        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header.AsSpan(Scheme.Length).Trim().IsEmpty)
            return new(new GridError(GridErrorKind.Unauthenticated, "The header Authorization must be: Bearer <key>."));

        string credential = header[Scheme.Length..].Trim();
        if (options.Oidc is not null && credential.Count(letter => letter == '.') == 2)
            return AuthenticateTokenAsync(context);
        if (parts.Tenants is { } tenants)
            return tenants.AuthenticateAsync(credential, context.RequestAborted);

        // OpenAI's clients always send some key. Where nobody has one, it proves nothing, and none is needed.
        return new(options.AllowAnonymous && options.Oidc is null
            ? GridResult<Caller>.Success(IsLocal(context) ? LocalProcess : Stranger)
            : new GridError(GridErrorKind.Unauthenticated, "The key is not valid."));
    }

    private async ValueTask<GridResult<Caller>> AuthenticateTokenAsync(HttpContext context)
    {
        AuthenticateResult result = await context.AuthenticateAsync(TokenClaims.Scheme);
        if (result.Principal is not { } principal)
            return new GridError(GridErrorKind.Unauthenticated, "The token is not valid: not signed by the issuer, not for this audience, or not in its time.");
        if (!TokenClaims.Read(principal, options.Oidc!).TryGet(out Caller? caller, out GridError? problem))
            return problem;
        if (parts.Tenants is not { } tenants)
            return GridResult<Caller>.Success(caller);
        if (!(await tenants.FindTenantAsync(caller.Tenant, context.RequestAborted)).TryGet(out Tenant? tenant, out GridError? error))
        {
            return error.Kind == GridErrorKind.NotFound
                ? new GridError(GridErrorKind.Forbidden, "The token's tenant does not exist here.")
                : error;
        }

        return tenant.Enabled ? GridResult<Caller>.Success(caller) : new GridError(GridErrorKind.Forbidden, "The token's tenant is disabled.");
    }

    /// <summary>
    /// Whether the call comes from this machine, and not from a web page of elsewhere that its browser shows: such a page's calls name
    /// its origin, or, where its name was bent to this address, another host.
    /// </summary>
    private static bool IsLocal(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is { } address && !IPAddress.IsLoopback(address))
            return false;
        HostString host = context.Request.Host;
        bool hostIsLocal = host.Host is "localhost" or "[::1]" || (IPAddress.TryParse(host.Host, out IPAddress? named) && IPAddress.IsLoopback(named));
        string? origin = context.Request.Headers.Origin;
        return hostIsLocal && (string.IsNullOrEmpty(origin) || origin == $"{context.Request.Scheme}://{host.Value}");
    }
}
