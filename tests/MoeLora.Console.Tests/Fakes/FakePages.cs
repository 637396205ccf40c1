using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Gateway;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>A page of others that asks for its own data by a call, as the Orleans Dashboard does.</summary>
internal sealed class FakePages : IAdministrationPages
{
    public string Title => "Others";

    public string Path => "others";

    public void AddServices(IServiceCollection services)
    {
    }

    public IEndpointConventionBuilder Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup($"/{Path}");
        group.MapGet("/", () => Results.Text("<!doctype html><title>Others</title><link rel=icon href='data:,'><h1>Others</h1><p></p><script src='page.js'></script>", "text/html"));
        group.MapGet("/page.js", () => Results.Text("fetch('data').then(r => r.text()).then(t => document.querySelector('p').textContent = t)", "text/javascript"));
        group.MapGet("/data", () => Results.Text("What only administrators see."));
        return group;
    }
}
