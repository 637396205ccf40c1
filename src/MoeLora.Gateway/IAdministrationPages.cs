using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace MoeLora.Gateway;

/// <summary>
/// Pages of others on the listener of administration. Only administrators see them. Because a browser asks for them by itself, it may send the key by its own
/// dialogue (HTTP Basic, the key as the password, any name): there, and for reading alone.
/// </summary>
public interface IAdministrationPages
{
    /// <summary>Adds what the pages need to the services of the listener.</summary>
    void AddServices(IServiceCollection services);

    /// <summary>Maps the pages. They declare no role: the gateway does.</summary>
    /// <returns>What all of their routes have in common.</returns>
    IEndpointConventionBuilder Map(IEndpointRouteBuilder routes);
}
