using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>What a caller of a route must be. Every route declares it; <see cref="Roles.None"/> is open to everybody.</summary>
/// <param name="Role">The role; of several, any one is enough.</param>
internal sealed record RequiredRole(Roles Role);

/// <summary>A route that browsers ask for by themselves: the key may come by their own dialogue, or a ticket of the console's instead.</summary>
internal sealed record BrowserRoute;

/// <summary>Declares and checks the roles of routes.</summary>
internal static class RouteRoles
{
    public static IEndpointConventionBuilder Requires(this IEndpointConventionBuilder route, Roles role) => route.WithMetadata(new RequiredRole(role));

    /// <summary>Makes a forgotten declaration a failure of the start instead of an open door.</summary>
    /// <exception cref="InvalidOperationException">A route declares no role.</exception>
    public static void CheckRoles(this IEndpointRouteBuilder routes)
    {
        string[] undeclared =
        [
            .. routes.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
                .Where(endpoint => endpoint.Metadata.GetMetadata<RequiredRole>() is null)
                .Select(endpoint => endpoint.RoutePattern.RawText ?? "?"),
        ];
        if (undeclared.Length > 0)
            throw new InvalidOperationException($"These routes declare no role: {string.Join(", ", undeclared)}.");
    }
}
