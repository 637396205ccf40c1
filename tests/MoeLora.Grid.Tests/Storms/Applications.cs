using Microsoft.Extensions.Hosting;
using MoeLora.Grid.Hosting;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>The application of a hospital, in the tests' process.</summary>
internal static class Applications
{
    public static IHost Build(string store, SiloFleet fleet)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        GridSiloOptions silo = SiloChild.Options(store, 1, 1);
        builder.AddMoeLoraGrid(new GridClientOptions { Cluster = silo.Cluster, Service = silo.Service, Database = silo.Database, Redis = silo.Redis, Clustering = silo.Clustering, Gateways = [.. fleet.Gateways], Patience = TimeSpan.FromMinutes(1) });
        return builder.Build();
    }

    public static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!condition())
            await Task.Delay(20, patience.Token);
    }
}
