using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Metrics;

namespace MoeLora.Gateway.Access;

/// <summary>Lets a call through to its route only when its caller has the role, or one of the roles, that the route declares.</summary>
internal sealed class AccessControl(RequestDelegate next, Authenticator authenticator, BrowserSessions sessions, DenialLog denials, RequestMetrics metrics)
{
    public Task InvokeAsync(HttpContext context)
    {
        // Where there is no route, there is nothing to guard: the answer is 404 or 405.
        if (context.GetEndpoint() is not RouteEndpoint route)
            return next(context);
        RequiredRole required = route.Metadata.GetMetadata<RequiredRole>() ?? throw new InvalidOperationException("A route declares no role.");
        return required.Role == Roles.None ? next(context) : CheckAsync(context, required.Role, route.Metadata.GetMetadata<BrowserRoute>() is not null && HttpMethods.IsGet(context.Request.Method));
    }

    private async Task CheckAsync(HttpContext context, Roles roles, bool browser)
    {
        if (browser)
        {
            sessions.Translate(context);
            BrowserKey.Translate(context.Request);
        }

        GridResult<Caller> result = await authenticator.AuthenticateAsync(context);
        if (!result.TryGet(out Caller? caller, out GridError? error))
        {
            if (error.Kind is GridErrorKind.Unauthenticated or GridErrorKind.Forbidden)
            {
                Deny(context, null, error.Kind == GridErrorKind.Forbidden ? "unusable_token" : HasKey(context) ? "invalid_key" : "no_key");
                if (error.Kind == GridErrorKind.Unauthenticated)
                    context.Response.Headers.WWWAuthenticate = browser ? BrowserKey.Challenge : HasKey(context) ? "Bearer realm=\"moelora\", error=\"invalid_token\"" : "Bearer realm=\"moelora\"";
            }

            await Answer.WriteAsync(context, ApiError.From(error));
            return;
        }

        if ((caller.Roles & roles) == Roles.None)
        {
            Deny(context, caller, "missing_role");
            await Answer.WriteAsync(context, ApiError.From(new GridError(GridErrorKind.Forbidden, $"This needs the role {string.Join(" or ", RoleNames.Each(roles).Select(name => $"'{name}'"))}, which the caller does not have.")));
            return;
        }

        context.SetCaller(caller);
        await next(context);
    }

    private void Deny(HttpContext context, Caller? caller, string reason)
    {
        metrics.Denied(reason);
        denials.Record(caller, context.Connection.RemoteIpAddress, reason);
    }

    private static bool HasKey(HttpContext context) => context.Request.Headers.Authorization.Count > 0;
}
