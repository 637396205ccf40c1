using System.Globalization;
using Microsoft.Extensions.Logging;
using MoeLora.Gateway.Hosting;
using MoeLora.Gateway.Tests.Fakes;
using Xunit.Abstractions;

namespace MoeLora.Gateway.Tests.Load;

/// <summary>
/// What the gateway itself costs: a grid that answers at once, keys, metrics and logging at its usual level, clients on the same two cores.
/// The short form shows that it works and prints its figures; the long one (MOELORA_LONG=1) holds it to 5,000 requests in a second and, at
/// half of that, 2 ms for 99 of 100, in the best of five rounds, because other work of the machine only ever makes it slower.
/// </summary>
public sealed class OverheadTests(ITestOutputHelper output)
{
    private const double LeastPerSecond = 5000;
    private const double MostMilliseconds = 2;

    private static readonly bool Long = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";

    [Fact]
    public async Task ShortRequests_CostLittle()
    {
        var parts = new GatewayParts { Grid = new NullGrid(), Tenants = new FakeDirectory() };
        var options = new GatewayOptions { Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] } };
        await using GatewayServer server = await GatewayServer.StartAsync(parts, options, logging => logging.SetMinimumLevel(LogLevel.Warning));
        var client = new LoadClient(new Uri(server.Addresses.Single()).Port, """{"model":"triage/医学-triage","prompt":"甲亢要看什么医生","max_tokens":8,"temperature":0}""", "inference");
        TimeSpan duration = TimeSpan.FromSeconds(Long ? 10 : 0.5);
        double half = Long ? LeastPerSecond / 2 : 100; // what a machine that is busy with other tests keeps up with

        client.RunClosed(8, duration); // until the compiler has seen what is hot
        double perSecond = 0, p99 = double.MaxValue;
        for (int round = 0; round < (Long ? 5 : 1) && !(perSecond >= LeastPerSecond && p99 < MostMilliseconds); round++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            long bytes = GC.GetTotalAllocatedBytes();
            double rate = client.RunClosed(8, duration);
            double microseconds = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / (rate * duration.TotalSeconds);
            double kilobytes = (GC.GetTotalAllocatedBytes() - bytes) / 1024.0 / (rate * duration.TotalSeconds);
            double[] latencies = client.RunOpen(8, half, duration);
            double tail = latencies[(int)(latencies.Length * 0.99)];
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{rate:F0} requests/s, {microseconds:F0} µs of processor (the client's part included) and {kilobytes:F1} KiB each; at {half:F0}/s: p50 {latencies[latencies.Length / 2]:F2} ms, p99 {tail:F2} ms, most {latencies[^1]:F2} ms"));
            (perSecond, p99) = (Math.Max(perSecond, rate), Math.Min(p99, tail));
        }

        Assert.True(perSecond > 0);
        if (Long)
        {
            Assert.True(perSecond >= LeastPerSecond, $"{perSecond:F0} requests/s");
            Assert.True(p99 < MostMilliseconds, $"p99 {p99:F2} ms");
        }
    }
}
