using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Gateway;
using Orleans.Dashboard;

namespace MoeLora.Silo;

/// <summary>The Orleans Dashboard at <c>/dashboard</c> of the administration's listener. It asks the silo of this process by grain calls, as a client of the cluster would.</summary>
internal sealed class OrleansPages(IGrainFactory grains) : IAdministrationPages
{
    public string Title => "Orleans";

    public string Path => "dashboard";

    public void AddServices(IServiceCollection services)
    {
        services.AddSingleton(grains);
        new Client(services).AddDashboard(options => options.HideTrace = true); // it would show what is logged to whoever looks
    }

    public IEndpointConventionBuilder Map(IEndpointRouteBuilder routes) => routes.MapOrleansDashboard($"/{Path}");

    private sealed record Client(IServiceCollection Services) : IClientBuilder
    {
        public IConfiguration Configuration { get; } = new ConfigurationBuilder().Build();
    }
}
