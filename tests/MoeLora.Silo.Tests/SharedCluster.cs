using System.Text.Json.Nodes;
using MoeLora.Console.Tests;
using MoeLora.Silo.Tests.Collecting;

// Each test has processes of its own: on a small machine they would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace MoeLora.Silo.Tests;

/// <summary>Tests that only look at two silos.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<SharedCluster>, ICollectionFixture<Browser>
{
    public const string Name = "cluster";
}

/// <summary>Two silos that tests only look at, which send what they measure to a collector.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    internal SiloCluster Cluster { get; private set; } = null!;

    internal Collector Collector { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Collector = await Collector.StartAsync();
        // The names of OpenTelemetry's own variables: tests need not wait five seconds for spans and a minute for instruments.
        Cluster = await SiloCluster.StartAsync(2, $"otlp: {Collector.Address}", ("OTEL_BSP_SCHEDULE_DELAY", "200"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000"));
    }

    public async Task DisposeAsync()
    {
        if (Cluster is not null)
            await Cluster.DisposeAsync();
        await Collector.DisposeAsync();
    }

    /// <summary>A task that lives on a silo, and its answer there; it is asked through the other one.</summary>
    internal async Task<(string Task, JsonNode Answer)> AskElsewhereAsync(int through, string node, string? traceParent = null)
    {
        foreach (string task in new[] { "CMeIE", "CHIP-CDN", "CHIP-CDEE", "CHIP-CTC", "CHIP-MDCFNPC", "KUAKE-QIC", "MedDG", "IMCS-V2-MRG" })
        {
            (int status, JsonNode answer) = await Cluster.AskAsync(through, $"{SiloCluster.Bank}/{task}", "发热三天", 8, traceParent: traceParent);
            Assert.True(status == 200, answer.ToJsonString());
            if (answer["provenance"]!["node"]!.GetValue<string>() == node)
                return (task, answer);
        }

        throw new InvalidOperationException($"None of the tasks lives on {node}.");
    }
}
