using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using MoeLora.Contracts;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Catalog;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Health;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway;

/// <summary>Puts a grid behind HTTP.</summary>
public static class GatewayExtensions
{
    // HEAD, because load balancers probe with it.
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Adds the gateway to <paramref name="grid"/>, and sets the server's limits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static IServiceCollection AddMoeLoraGateway(this IServiceCollection services, IModelGrid grid, Action<GatewayOptions>? configure = null)
    {
        var options = new GatewayOptions();
        configure?.Invoke(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxRequestBodyBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxConnections, 1);

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton(grid);
        services.AddSingleton<GenerationEndpoint>();
        services.AddSingleton<CatalogEndpoints>();
        services.AddSingleton<HealthEndpoints>();
        services.Configure<KestrelServerOptions>(server =>
        {
            server.AddServerHeader = false;
            server.Limits.MaxRequestBodySize = options.MaxRequestBodyBytes;
            server.Limits.MaxConcurrentConnections = options.MaxConnections;
            server.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });
        return services;
    }

    /// <summary>
    /// Maps <c>POST /v1/completions</c>, <c>POST /v1/chat/completions</c>, <c>GET /v1/models</c>, <c>GET /v1/models/{id}</c>, <c>GET /healthz</c> and <c>GET /readyz</c>,
    /// each GET as HEAD too, and answers every failure of the application in the shape of OpenAI's errors.
    /// </summary>
    public static WebApplication MapMoeLoraGateway(this WebApplication app)
    {
        app.UseMiddleware<RequestIdentity>();
        app.UseMiddleware<ErrorBoundary>();

        var generation = app.Services.GetRequiredService<GenerationEndpoint>();
        var catalog = app.Services.GetRequiredService<CatalogEndpoints>();
        var health = app.Services.GetRequiredService<HealthEndpoints>();
        app.MapPost("/v1/completions", generation.CompleteAsync);
        app.MapPost("/v1/chat/completions", generation.ChatAsync);
        app.MapMethods("/v1/models", Reading, catalog.ListAsync);
        app.MapMethods("/v1/models/{**id}", Reading, catalog.FindAsync);
        app.MapMethods("/healthz", Reading, health.LiveAsync);
        app.MapMethods("/readyz", Reading, health.ReadyAsync);
        return app;
    }
}
