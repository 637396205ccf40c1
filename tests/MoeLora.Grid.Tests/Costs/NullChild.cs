using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tests.Failures;
using MoeLora.Grid.Tests.Storms;

namespace MoeLora.Grid.Tests.Costs;

/// <summary>
/// A silo of a <see cref="NullNode"/> as a process of its own. To <c>stream</c> it begins an answer through the cluster, as a gateway would, and says <c>ok</c> and the
/// node that gives it; to <c>wait</c>, how many milliseconds later than the last token of that node the first one of another came.
/// </summary>
internal static class NullChild
{
    /// <summary>A silo that answers.</summary>
    public const string Name = "null-silo";

    /// <summary>A silo that only asks.</summary>
    public const string Asker = "null-asker";

    /// <param name="phase">Whether its node takes requests.</param>
    /// <param name="arguments">As <see cref="SiloChild"/>'s, then the answers that its node runs at once and its tasks.</param>
    public static async Task RunAsync(GridPhase phase, string[] arguments)
    {
        int[] numbers = [.. arguments[6..].Select(number => int.Parse(number, CultureInfo.InvariantCulture))];
        using var node = new NullNode(arguments[0], numbers is [int batch, ..] ? batch : int.MaxValue, numbers is [_, int tasks] ? tasks : 1, phase);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo => silo
            .UseMoeLoraCluster(arguments[0], SiloChild.Options(arguments))
            .AddMoeLoraSilo(node)
            .Services.AddSingleton<IBankReports>(node)); // the last one counts
        using IHost host = builder.Build();
        await host.StartAsync();
        Console.WriteLine("ready");

        BrokenStream? stream = null;
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string said = line switch
            {
                "stream" => await (stream = new BrokenStream(host.Services.GetRequiredService<ClusterGrid>())).BeginAsync(),
                "wait" => (await stream!.GoOnAsync()).TotalMilliseconds.ToString(CultureInfo.InvariantCulture),
                _ => throw new ArgumentException($"'{line}' is no command."),
            };
            Console.WriteLine($"ok {said}");
        }
    }
}
