using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tests.Storms;

namespace MoeLora.Grid.Tests.Costs;

/// <summary>A silo of a <see cref="NullNode"/> as a process of its own.</summary>
internal static class NullChild
{
    public const string Name = "null-silo";

    /// <param name="arguments">As <see cref="SiloChild"/>'s.</param>
    public static async Task RunAsync(string[] arguments)
    {
        using var node = new NullNode(arguments[0]);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo => silo
            .UseMoeLoraCluster(arguments[0], SiloChild.Options(arguments[2], int.Parse(arguments[3], CultureInfo.InvariantCulture), int.Parse(arguments[4], CultureInfo.InvariantCulture)))
            .AddMoeLoraSilo(node)
            .Services.AddSingleton<IBankReports>(node)); // the last one counts
        using IHost host = builder.Build();
        await host.StartAsync();
        Console.WriteLine("ready");
        await Console.In.ReadLineAsync();
    }
}
