using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Hosting;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.Tests.Nodes;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>
/// A silo of the demo's base model as a process of its own, to be killed at any moment. It says <c>ready</c> when its node answers, then carries out the lines of its
/// standard input (<c>publish DIRECTORY</c>, <c>activate BANK VERSION</c>, <c>rollback BANK</c>) and answers each with <c>ok …</c> or <c>no …</c>.
/// </summary>
internal static class SiloChild
{
    public const string Name = "silo";

    /// <param name="arguments">
    /// The silo's name, its state directory, what members and grains are kept in (a SQLite file, a PostgreSQL connection string, or <c>redis:</c> and a server), its silo
    /// and gateway ports, how soon a silo counts as dead, and optionally the milliseconds that a step of its engine takes longer than it does.
    /// </param>
    public static async Task RunAsync(string[] arguments)
    {
        (string name, string state) = (arguments[0], arguments[1]);
        using MeterListener? pace = arguments.Length > 6 ? Pace(int.Parse(arguments[6], CultureInfo.InvariantCulture)) : null;
        var node = await Node.OpenAsync(
            new NodeOptions
            {
                Name = name,
                StateDirectory = state,
                Bases = [new BaseModelOptions { ModelDirectory = DemoFiles.Base, Threads = 1, QueueLength = 1024, TenantQueueLength = 1024 }],
            },
            LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Error).AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)));
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.SetMinimumLevel(LogLevel.Error).AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.UseOrleans(silo => silo
            .UseMoeLoraCluster(name, Options(arguments))
            .AddMoeLoraSilo(new SiloNode(node, name)));
        using IHost host = builder.Build();
        await host.StartAsync();
        await node.StartAsync();
        Console.WriteLine("ready");

        IRollouts rollouts = host.Services.GetRequiredService<ClusterRollouts>();
        var by = new Caller(TenantId.Parse("ops"), "storm", Roles.Operator);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            GridResult<AdapterVersionStatus> result = words[0] switch
            {
                "publish" => await rollouts.PublishAsync(await NodeBundles.PackAsync(words[1]), by),
                "activate" => await rollouts.ExecuteAsync(new ActivateVersion(words[1], words[2]), by),
                "rollback" => await rollouts.ExecuteAsync(new RollBack(words[1]), by),
                _ => throw new ArgumentException($"'{line}' is no command."),
            };
            Console.WriteLine(result.TryGet(out AdapterVersionStatus? status, out GridError? error) ? $"ok {status.Version} {status.State}" : $"no {error.Kind}: {error.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>
    /// Makes every step of an engine longer: the time that a model of a hospital's size takes on a device of its own, while silos that share a small machine's
    /// processors have these for all else. What an engine measures, it measures on its own thread.
    /// </summary>
    private static MeterListener Pace(int milliseconds)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == Telemetry.StepTime)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Thread.Sleep(milliseconds));
        listener.Start();
        return listener;
    }

    /// <summary>What a child's arguments say.</summary>
    public static GridSiloOptions Options(string[] arguments) => Options(
        arguments[2], int.Parse(arguments[3], CultureInfo.InvariantCulture), int.Parse(arguments[4], CultureInfo.InvariantCulture), Enum.Parse<FailureDetection>(arguments[5]));

    public static GridSiloOptions Options(string store, int siloPort, int gatewayPort, FailureDetection detection)
    {
        bool redis = store.StartsWith("redis:", StringComparison.Ordinal);
        return new GridSiloOptions
        {
            Cluster = "storm",
            Service = "storm",
            Database = redis ? null : store,
            Redis = redis ? store["redis:".Length..] : null,
            Clustering = redis ? ClusterStore.Redis : ClusterStore.Database,
            Storage = redis ? ClusterStore.Redis : ClusterStore.Database,
            Address = IPAddress.Loopback,
            SiloPort = siloPort,
            GatewayPort = gatewayPort,
            FailureDetection = detection,
        };
    }
}
