using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Administration;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Catalog;
using MoeLora.Gateway.Console;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Health;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.OpenApi;

namespace MoeLora.Gateway;

/// <summary>What both listeners are made of, and the routes of each. Every route declares its role.</summary>
internal static class GatewayExtensions
{
    // HEAD, because load balancers probe with it.
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Adds what routes need, and sets the server's limits.</summary>
    public static void AddMoeLoraGateway(this IServiceCollection services, GatewayParts parts, GatewayOptions options)
    {
        services.AddSingleton(parts).AddSingleton(options).AddSingleton(parts.Time);
        services.AddSingleton<Authenticator>().AddSingleton<BrowserSessions>().AddSingleton<RequestBody>();
        services.AddSingleton<GenerationEndpoint>().AddSingleton<CatalogEndpoints>().AddSingleton<HealthEndpoints>();
        services.AddSingleton<OverviewEndpoints>().AddSingleton<RolloutEndpoints>().AddSingleton<TenantEndpoints>().AddSingleton<KeyEndpoints>();
        services.AddSingleton<AuditEndpoints>().AddSingleton<MetricsEndpoint>();
        services.AddSingleton<ConsoleFiles>().AddSingleton<ConsoleEndpoints>().AddSingleton<LatencyEndpoint>();
        if (options.Oidc is { } oidc)
            TokenClaims.Add(services, oidc);
        services.Configure<KestrelServerOptions>(server =>
        {
            server.AddServerHeader = false;
            KestrelServerLimits limits = server.Limits;
            limits.MaxRequestBodySize = options.MaxRequestBodyBytes;
            limits.MaxConcurrentConnections = options.MaxConnections;
            limits.RequestHeadersTimeout = options.HeaderTimeout;
            limits.KeepAliveTimeout = options.IdleTimeout;
            limits.MaxRequestHeadersTotalSize = options.MaxHeaderBytes;
            limits.MaxRequestLineSize = Math.Min(limits.MaxRequestLineSize, options.MaxHeaderBytes);
        });
    }

    /// <summary>The routes of inference.</summary>
    public static void MapMoeLoraGateway(this WebApplication app)
    {
        app.UseCommon();
        var generation = app.Services.GetRequiredService<GenerationEndpoint>();
        var catalog = app.Services.GetRequiredService<CatalogEndpoints>();
        app.MapPost("/v1/completions", generation.CompleteAsync).Requires(Roles.Inference);
        app.MapPost("/v1/chat/completions", generation.ChatAsync).Requires(Roles.Inference);
        app.MapMethods("/v1/models", Reading, catalog.ListAsync).Requires(Roles.Inference);
        app.MapMethods("/v1/models/{**id}", Reading, catalog.FindAsync).Requires(Roles.Inference);
        app.CheckRoles();
    }

    /// <summary>The routes of administration. Those under <c>playground</c> answer as inference does, for pages of this listener.</summary>
    public static void MapMoeLoraAdministration(this WebApplication app)
    {
        app.UseCommon();
        var parts = app.Services.GetRequiredService<GatewayParts>();
        var generation = app.Services.GetRequiredService<GenerationEndpoint>();
        var catalog = app.Services.GetRequiredService<CatalogEndpoints>();
        var metrics = app.Services.GetRequiredService<MetricsEndpoint>();
        app.MapMethods("/metrics", Reading, metrics.ReadAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/playground/completions", generation.CompleteAsync).Requires(Roles.Inference);
        app.MapPost("/admin/v1/playground/chat/completions", generation.ChatAsync).Requires(Roles.Inference);
        app.MapMethods("/admin/v1/playground/models", Reading, catalog.ListAsync).Requires(Roles.Inference);
        app.MapConsole();
        if (parts.Overview is not null)
            app.MapMethods("/admin/v1/overview", Reading, app.Services.GetRequiredService<OverviewEndpoints>().DescribeAsync).Requires(Roles.Operator);
        if (parts.Silos is not null)
            app.MapMethods("/admin/v1/silos", Reading, app.Services.GetRequiredService<OverviewEndpoints>().ListSilosAsync).Requires(Roles.Operator);
        if (parts.Rollouts is not null)
            app.MapRollouts(app.Services.GetRequiredService<RolloutEndpoints>());
        if (parts.Tenants is not null)
            app.MapTenants(app.Services.GetRequiredService<TenantEndpoints>(), app.Services.GetRequiredService<KeyEndpoints>());
        if (parts.Audit is not null)
        {
            var audit = app.Services.GetRequiredService<AuditEndpoints>();
            app.MapMethods("/admin/v1/audit", Reading, audit.ReadAsync).Requires(Roles.Admin);
            app.MapMethods("/admin/v1/audit/verify", Reading, audit.VerifyAsync).Requires(Roles.Admin);
        }

        foreach (IAdministrationPages pages in parts.Pages)
        {
            pages.Map(app).Requires(Roles.Admin).WithMetadata(new BrowserRoute());
            var sessions = app.Services.GetRequiredService<BrowserSessions>();
            app.MapPost($"/{pages.Path}/session", sessions.BeginAsync).Requires(Roles.Admin);
            app.MapDelete($"/{pages.Path}/session", sessions.EndAsync).Requires(Roles.Admin);
        }

        app.CheckRoles();
    }

    private static void MapConsole(this WebApplication app)
    {
        var console = app.Services.GetRequiredService<ConsoleEndpoints>();
        app.MapMethods("/console/{file?}", Reading, console.ReadAsync).Requires(Roles.None);
        app.MapMethods("/admin/v1/console", Reading, console.DescribeAsync).Requires(Roles.None);
        app.MapMethods("/admin/v1/caller", Reading, console.IdentifyAsync).Requires(Roles.Inference | Roles.Operator | Roles.Admin);
        app.MapMethods("/admin/v1/latency", Reading, app.Services.GetRequiredService<LatencyEndpoint>().ReadAsync).Requires(Roles.Operator);
    }

    private static void MapRollouts(this WebApplication app, RolloutEndpoints rollouts)
    {
        app.MapMethods("/admin/v1/versions", Reading, rollouts.ListAsync).Requires(Roles.Operator);
        app.MapMethods("/admin/v1/banks/{bank}/history", Reading, rollouts.HistoryAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/bundles", rollouts.PublishAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/versions/{version}/load", rollouts.LoadAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/versions/{version}/activate", rollouts.ActivateAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/versions/{version}/canary", rollouts.CanaryAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/versions/{version}/shadow", rollouts.ShadowAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/versions/{version}/retire", rollouts.RetireAsync).Requires(Roles.Operator);
        app.MapPost("/admin/v1/banks/{bank}/rollback", rollouts.RollBackAsync).Requires(Roles.Operator);
    }

    private static void MapTenants(this WebApplication app, TenantEndpoints tenants, KeyEndpoints keys)
    {
        app.MapMethods("/admin/v1/tenants", Reading, tenants.ListAsync).Requires(Roles.Admin);
        app.MapMethods("/admin/v1/tenants/{tenant}", Reading, tenants.FindAsync).Requires(Roles.Admin);
        app.MapPut("/admin/v1/tenants/{tenant}", tenants.PutAsync).Requires(Roles.Admin);
        app.MapMethods("/admin/v1/tenants/{tenant}/keys", Reading, keys.ListAsync).Requires(Roles.Admin);
        app.MapPost("/admin/v1/tenants/{tenant}/keys", keys.CreateAsync).Requires(Roles.Admin);
        app.MapPost("/admin/v1/keys/{key}/rotate", keys.RotateAsync).Requires(Roles.Admin);
        app.MapDelete("/admin/v1/keys/{key}", keys.RevokeAsync).Requires(Roles.Admin);
    }

    /// <summary>What every request passes, and the routes that both listeners have.</summary>
    private static void UseCommon(this WebApplication app)
    {
        app.UseMiddleware<RequestIdentity>();
        app.UseMiddleware<ErrorBoundary>();
        app.UseRouting();
        app.UseMiddleware<AccessControl>();
        var health = app.Services.GetRequiredService<HealthEndpoints>();
        app.MapMethods("/healthz", Reading, health.LiveAsync).Requires(Roles.None);
        app.MapMethods("/readyz", Reading, health.ReadyAsync).Requires(Roles.None);
        app.MapMethods("/readyz/own", Reading, health.OwnReadyAsync).Requires(Roles.None);
        app.MapMethods("/openapi.json", Reading, new ApiDocument(app).ReadAsync).Requires(Roles.None);
    }
}
