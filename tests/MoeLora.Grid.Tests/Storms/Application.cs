using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>The application of a hospital, in the tests' process. It finds silos where they find each other.</summary>
internal sealed class Application : IAsyncDisposable
{
    private readonly IHost _host;

    private Application(IHost host) => _host = host;

    public IModelGrid Grid => _host.Services.GetRequiredService<IModelGrid>();

    /// <summary>Whether a silo answers for a bank, as it says itself.</summary>
    public bool Answers(string silo, string bank) => _host.Services.GetRequiredService<SiloBoard>().Ready
        .Any(report => report.Node == silo && report.Banks.Any(each => each is { Active: not null, Problem: null } && each.Bank == bank));

    /// <summary>Starts one and waits until it can ask.</summary>
    public static async Task<Application> StartAsync(string store)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        GridSiloOptions silo = SiloChild.Options(store, 1, 2, FailureDetection.Default);
        builder.AddMoeLoraGrid(new GridClientOptions { Cluster = silo.Cluster, Service = silo.Service, Database = silo.Database, Redis = silo.Redis, Clustering = silo.Clustering, Patience = TimeSpan.FromMinutes(1) });
        var application = new Application(builder.Build());
        await application._host.StartAsync();
        await UntilAsync(() => application.Grid.Status.IsReady);
        return application;
    }

    public static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (!condition())
            await Task.Delay(20, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
