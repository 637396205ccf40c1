using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Hosting;
using MoeLora.Gateway.OpenApi;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>A gateway that has everything that one can have, the pages of a silo included, so that all routes are mapped. Nothing behind it answers.</summary>
internal static class MappedRoutes
{
    public static Task<GatewayServer> StartAsync() => GatewayServer.StartAsync(
        new GatewayParts
        {
            Grid = Nothing.Of<IModelGrid>(),
            Tenants = Nothing.Of<ITenantDirectory>(),
            Rollouts = Nothing.Of<IRollouts>(),
            Overview = Nothing.Of<IGridOverview>(),
            Silos = Nothing.Of<ISiloOverview>(),
            Audit = Nothing.Of<IAuditTrail>(),
            Pages = [new Dashboard()],
        },
        new GatewayOptions { Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] }, Administration = new ListenerOptions { Urls = ["http://127.0.0.1:0"] } });

    /// <summary>All routes of both listeners but the pages of others, each once.</summary>
    public static IReadOnlyList<ApiRoute> Of(GatewayServer server)
    {
        ApiRoute[] inference = [.. Of(server, 0)], administration = [.. Of(server, 1)];
        var both = inference.Select(route => route.Name).Intersect(administration.Select(route => route.Name)).ToHashSet();
        return [.. inference.Concat(administration.Where(route => !both.Contains(route.Name))).Select(route => both.Contains(route.Name) ? route with { Listener = "both" } : route)];
    }

    /// <summary>The routes of one listener: 0 is inference, 1 administration.</summary>
    public static IEnumerable<ApiRoute> Of(GatewayServer server, int listener) =>
        from endpoint in ((IEndpointRouteBuilder)server.Applications.ElementAt(listener)).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        where endpoint.Metadata.GetMetadata<BrowserRoute>() is null
        from method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
        select new ApiRoute(ApiDocument.PathOf(endpoint), method.ToLowerInvariant(), endpoint.Metadata.GetRequiredMetadata<RequiredRole>().Role, listener == 0 ? "public" : "administration");

    private sealed class Dashboard : IAdministrationPages
    {
        public string Title => "Orleans";

        public string Path => new Silo.OrleansPages(null!).Path;

        public void AddServices(IServiceCollection services)
        {
        }

        public IEndpointConventionBuilder Map(IEndpointRouteBuilder routes) => routes.MapGet($"/{Path}", (RequestDelegate)(_ => Task.CompletedTask));
    }

    /// <summary>Answers every question with nothing.</summary>
    private class Nothing : DispatchProxy
    {
        public static T Of<T>()
            where T : class => Create<T, Nothing>();

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod!.ReturnType is { IsValueType: true } type && type != typeof(void) ? Activator.CreateInstance(type) : null;
    }
}
