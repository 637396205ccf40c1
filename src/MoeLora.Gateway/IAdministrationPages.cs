using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace MoeLora.Gateway;

/// <summary>
/// Pages of others on the listener of administration. Only administrators see them. Because a browser asks for them by itself, the console gives it a ticket for
/// them, a cookie, when its reader follows the link; one that comes without may send the key by its own dialogue (HTTP Basic, the key as the password, any name). Both hold there
/// alone, and for reading alone.
/// </summary>
public interface IAdministrationPages
{
    /// <summary>What the console's link to them is called.</summary>
    string Title { get; }

    /// <summary>The path below which all of them are, one segment without slashes.</summary>
    string Path { get; }

    /// <summary>Adds what the pages need to the services of the listener.</summary>
    void AddServices(IServiceCollection services);

    /// <summary>Maps the pages, all below <see cref="Path"/>. They declare no role: the gateway does.</summary>
    /// <returns>What all of their routes have in common.</returns>
    IEndpointConventionBuilder Map(IEndpointRouteBuilder routes);
}
