using MoeLora.Silo.Tests.Collecting;

namespace MoeLora.Silo.Tests;

/// <summary>What two silos send to a collector: a trace goes from HTTP on one to the engine of the other, and Orleans's instruments come beside ours.</summary>
[Collection(ClusterCollection.Name)]
public sealed class TraceTests(SharedCluster shared)
{
    private const ulong Internal = 1, Server = 2, Client = 3;

    [Fact]
    public async Task Request_ForATaskOfTheOtherSilo_IsOneTraceToTheEnginesSteps()
    {
        const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736", Caller = "00f067aa0ba902b7";

        await shared.AskElsewhereAsync(0, "silo-2", $"00-{Trace}-{Caller}-01");

        Span engine = await FindAsync(span => span is { Name: "engine", Process: "silo-2", Trace: Trace });
        Span task = await FindAsync(span => span.Id == engine.Parent);
        Assert.Equal(("silo-2", "MoeLora", "task", Internal), (task.Process, task.Source, task.Name, task.Kind));
        Span arrived = await FindAsync(span => span.Id == task.Parent);
        Assert.Equal(("silo-2", "Microsoft.Orleans.Application", Server), (arrived.Process, arrived.Source, arrived.Kind));
        Span left = await FindAsync(span => span.Id == arrived.Parent);
        Assert.Equal(("silo-1", "Microsoft.Orleans.Application", Client), (left.Process, left.Source, left.Kind));
        Span call = await FindAsync(span => span.Id == left.Parent);
        Assert.Equal(("silo-1", "Microsoft.Orleans.Application", Client), (call.Process, call.Source, call.Kind));
        Assert.Contains("ITaskGrain", call.Name, StringComparison.Ordinal);
        Span http = await FindAsync(span => span.Id == call.Parent);
        Assert.Equal(("silo-1", "MoeLora", "completion", Server, Caller), (http.Process, http.Source, http.Name, http.Kind, http.Parent));
        Assert.All([task, arrived, left, call, http], span => Assert.Equal(Trace, span.Trace));
        foreach (string step in new[] { "queue", "prefill", "decode" })
            await FindAsync(span => span.Name == step && span.Parent == engine.Id && span.Trace == Trace);

        // Only what answers asked for: no piece of a stream, and nothing that silos tell each other all the time.
        Assert.DoesNotContain(shared.Collector.Spans, span => span.Name.Contains("MoveNext", StringComparison.Ordinal) || span.Name.Contains("ISiloGrain", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Instruments_OfOrleans_AreSentAndShownBesideOurs()
    {
        await shared.AskElsewhereAsync(1, "silo-1");

        foreach (string silo in new[] { "silo-1", "silo-2" })
        {
            await UntilAsync(() => shared.Collector.Instruments.Contains((silo, "moelora.engine.step_time")) && shared.Collector.Instruments.Contains((silo, "orleans-messaging-sent-messages-size")));
        }

        (int status, string text) = await shared.Cluster.Silos[0].SendAsync(HttpMethod.Get, new Uri(shared.Cluster.Silos[0].Administration, "/metrics"), shared.Cluster.Admin);
        Assert.Equal(200, status);
        foreach (string line in new[] { "# TYPE moelora_engine_step_time_seconds histogram", "# TYPE orleans_catalog_activations", "# TYPE orleans_app_requests_latency" })
            Assert.Contains(line, text, StringComparison.Ordinal);
    }

    private async Task<Span> FindAsync(Func<Span, bool> wanted)
    {
        Span? found = null;
        await UntilAsync(() => (found = shared.Collector.Spans.FirstOrDefault(wanted)) is not null);
        return found!;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5)); // only a failure waits that long
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(100), patience.Token);
    }
}
