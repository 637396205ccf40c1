using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Metrics;

namespace MoeLora.Gateway.Hosting;

/// <summary>
/// A gateway that listens: inference on one listener, administration, if any, on another. They are two servers with routes of their own,
/// so that no mistake of routing or of a forwarded header lets a call of one reach the other.
/// </summary>
public sealed class GatewayServer : IAsyncDisposable
{
    private readonly GatewayOptions _options;
    private readonly TimeProvider _time;
    private readonly Drain _drain;
    private readonly WebApplication _inference;
    private readonly WebApplication? _administration;
    private readonly SharedParts _shared;

    private GatewayServer(GatewayOptions options, TimeProvider time, Drain drain, WebApplication inference, WebApplication? administration, SharedParts shared)
    {
        _options = options;
        _time = time;
        _drain = drain;
        _inference = inference;
        _administration = administration;
        _shared = shared;
    }

    /// <summary>Where inference is served, with the real ports.</summary>
    public IReadOnlyCollection<string> Addresses => [.. _inference.Urls];

    /// <summary>Where administration is served, with the real ports; empty where it is not.</summary>
    public IReadOnlyCollection<string> AdministrationAddresses => _administration is null ? [] : [.. _administration.Urls];

    /// <summary>The routes of both listeners, for tests that walk them.</summary>
    internal IEnumerable<WebApplication> Applications => _administration is null ? [_inference] : [_inference, _administration];

    /// <summary>Starts listening. The grid may still be loading: readiness says so.</summary>
    /// <param name="parts">What to put behind HTTP.</param>
    /// <param name="options">How.</param>
    /// <param name="logging">Where logs go; null for nowhere.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ArgumentException">Options are wrong: the message names all that is.</exception>
    /// <exception cref="IOException">An address is in use or not of this machine.</exception>
    public static async Task<GatewayServer> StartAsync(GatewayParts parts, GatewayOptions options, Action<ILoggingBuilder>? logging = null, CancellationToken cancellation = default)
    {
        if (options.FindProblems(parts) is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(' ', problems));

        ILoggerFactory loggers = LoggerFactory.Create(builder => logging?.Invoke(builder));
        var drain = new Drain();
        var denials = new DenialLog(parts, loggers.CreateLogger<DenialLog>());
        var metrics = new RequestMetrics(parts.Time);
        var series = new SeriesCollector(options.MaxSeries, parts.Meters);
        var export = new OtlpExport(options.OtlpEndpoint, parts);
        var shared = new SharedParts([denials, metrics, series, export], [drain, loggers]);
        WebApplication? inference = null, administration = null;
        try
        {
            inference = Build(options.Public, []);
            inference.MapMoeLoraGateway();
            if (options.Administration is { } listener)
            {
                administration = Build(listener, parts.Pages);
                administration.MapMoeLoraAdministration();
            }

            await inference.StartAsync(cancellation);
            if (administration is not null)
                await administration.StartAsync(cancellation);
            return new GatewayServer(options, parts.Time, drain, inference, administration, shared);
        }
        catch
        {
            if (administration is not null)
                await administration.DisposeAsync();
            if (inference is not null)
                await inference.DisposeAsync();
            await shared.DisposeAsync();
            throw;
        }

        WebApplication Build(ListenerOptions listener, IReadOnlyList<IAdministrationPages> pages)
        {
            // Empty: no settings file of the current directory and no environment variable changes what is served.
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            logging?.Invoke(builder.Logging);
            builder.Services.AddRoutingCore();
            builder.Services.AddSingleton<IHostLifetime, StoppedByOwner>();
            builder.Services.AddSingleton(drain).AddSingleton(denials).AddSingleton(metrics).AddSingleton(series);
            builder.Services.AddMoeLoraGateway(parts, options);
            foreach (IAdministrationPages each in pages)
                each.AddServices(builder.Services);
            builder.WebHost.UseKestrelCore().UseUrls([.. listener.Urls]);
            if (listener.Tls is { } tls)
            {
                var certificates = new ListenerTls(tls);
                builder.WebHost.UseKestrelHttpsConfiguration();
                builder.Services.AddOptions<KestrelServerOptions>()
                    .Configure<ILogger<ServerCertificate>>((server, logger) => server.ConfigureHttpsDefaults(https => certificates.Apply(https, logger)));
            }

            return builder.Build();
        }
    }

    /// <summary>
    /// Refuses new answers (503, and readiness says so), lets running ones go on until <see cref="GatewayOptions.DrainDeadline"/>, then
    /// ends them with an error and closes both listeners.
    /// </summary>
    /// <param name="force">Waits no longer.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        await _drain.RunAsync(_options.DrainDeadline, _time, force);
        foreach (WebApplication application in Applications)
            await application.StopAsync(force);
    }

    /// <summary>Closes what is still open, at once.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (WebApplication application in Applications)
            await application.DisposeAsync();
        await _shared.DisposeAsync();
    }

    // What both listeners use, and so neither's services own.
    private sealed record SharedParts(IAsyncDisposable[] First, IDisposable[] Last) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            foreach (IAsyncDisposable part in First)
                await part.DisposeAsync();
            foreach (IDisposable part in Last)
                part.Dispose();
        }
    }

    // Signals are the program's: the usual lifetime would catch them too.
    private sealed class StoppedByOwner : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
