using System.Diagnostics;
using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Storms;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Costs;

/// <summary>
/// What a token costs on its way through the grid, with an engine that costs nothing: two silos and the application as three processes. The figures are held to the
/// goals where MOELORA_LONG is 1, on a machine with nothing else to do; otherwise they are only printed, and every token must arrive.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class TokenCostTests(ITestOutputHelper output)
{
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly int Seconds = IsLong ? 10 : 1;
    private static readonly int Rounds = IsLong ? 5 : 1;
    private const int Streams = 200;

    [Fact]
    public async Task Tokens_ThroughATaskGrain_CostLittle()
    {
        string state = Directory.CreateTempSubdirectory("moelora-costs-").FullName;
        string store = Path.Combine(state, "cluster.db");
        try
        {
            await using var fleet = new SiloFleet(store, 2, FailureDetection.Default, NullChild.Name);
            await fleet.StartAsync();
            await using Application application = await Application.StartAsync(store);
            IModelGrid grid = application.Grid;
            await ReadAsync(grid, 0, 50_000); // warms up

            var latencies = new List<double>();
            await foreach (GenerationEvent item in await Serving.Tests.Answers.StartAsync(grid, Request(Seconds * 1000 / NullNode.Tick, NullNode.Tick, NullNode.Texts.Time)))
            {
                if (item is TokenChunk { Text.Length: > 0 } chunk)
                    latencies.Add(Stopwatch.GetElapsedTime(long.Parse(chunk.Text, CultureInfo.InvariantCulture)).TotalMilliseconds);
            }

            latencies.Sort();
            double p50 = latencies[latencies.Count / 2];

            // The runtime compiles hot code again in the background for a while, at a cost that no token has later: the best round counts.
            var costs = new List<double>();
            for (int round = 0; round < Rounds; round++)
            {
                TimeSpan cpu = fleet.ProcessorTime + Process.GetCurrentProcess().TotalProcessorTime;
                long tokens = (await Task.WhenAll(Enumerable.Range(0, Streams).Select(_ => ReadAsync(grid, NullNode.Tick, Seconds * 1000 / NullNode.Tick)))).Sum();
                Assert.Equal(Streams * Seconds * 1000L / NullNode.Tick, tokens);
                costs.Add((fleet.ProcessorTime + Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMicroseconds / tokens);
            }

            const int fast = 1_000_000;
            var clock = Stopwatch.StartNew();
            Assert.Equal(fast, await ReadAsync(grid, 0, fast));
            double speed = fast / clock.Elapsed.TotalSeconds;

            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"one stream of a token every {NullNode.Tick} ms: {p50:F3} ms later at p50, {latencies[^(latencies.Count / 100 + 1)]:F3} ms at p99; {Streams} streams: {string.Join(", ", costs.Select(cost => cost.ToString("F1", CultureInfo.InvariantCulture)))} µs of processor time a token in all processes, by rounds; one stream as fast as it can: {speed:F0} tokens/s"));
            if (IsLong)
            {
                Assert.InRange(p50, 0, 1);
                Assert.InRange(costs.Min(), 0, 45);
                Assert.InRange(speed, 300_000, double.MaxValue);
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static GenerationRequest Request(int tokens, params int[] how) => Serving.Tests.Answers.Request($"{NullNode.Bank}/{NullNode.TaskName}", how, tokens);

    private static async Task<long> ReadAsync(IModelGrid grid, int pace, int tokens)
    {
        long count = 0;
        await foreach (GenerationEvent item in await Serving.Tests.Answers.StartAsync(grid, Request(tokens, pace)))
        {
            if (item is TokenChunk chunk)
                count += chunk.TokenIds.Count;
        }

        return count;
    }
}
