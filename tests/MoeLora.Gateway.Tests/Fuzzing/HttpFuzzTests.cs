using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using MoeLora.Contracts.Overview;
using MoeLora.Gateway.Tests.Fakes;
using MoeLora.Gateway.Tests.Nodes;
using Xunit.Abstractions;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>
/// Random calls over raw connections: parameters of every kind, one of them wrong, broken JSON, UTF-8 and HTTP, huge fields, bodies that stop half-way, clients
/// that are slow or leave in the middle of a stream. No answer is a 500, nothing is logged as an error, and nothing is left running for a client that is gone.
/// 1,000 calls of both listeners before a grid that answers anything, and 200 before a node; 50,000 and 4,000 where MOELORA_LONG is 1.
/// </summary>
public sealed class HttpFuzzTests(ITestOutputHelper output)
{
    private const int Workers = 8;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly int Calls = IsLong ? 50_000 : 1000;
    private static readonly int NodeCalls = IsLong ? 4000 : 200;

    [Fact]
    public async Task RandomCalls_NeverFailTheGatewayAndLeaveNothingRunning()
    {
        var grid = new FuzzGrid();
        var directory = new FakeDirectory();
        var parts = new GatewayParts { Grid = grid, Tenants = directory, Rollouts = new FakeRollouts(), Overview = new FakeOverview(), Audit = new FakeTrail() };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(parts, options => options.MaxRequestBodyBytes = 32 * 1024);

        IReadOnlyDictionary<string, int> statuses = await FuzzAsync(
            Calls, random => new RandomCall(random, ["3", "bank/task@1"], ["all"]), random => random.Next(8) == 0 ? host.Admin.BaseAddress! : host.Client.BaseAddress!, host.Admin.BaseAddress!);
        await grid.EmptyAsync().WaitAsync(TimeSpan.FromMinutes(5));

        Report($"{Calls} calls, {grid.Begun} answers begun", statuses);
        AssertHealthy(statuses);
        Assert.Equal(0, grid.Wrong);
        Assert.True(grid.Begun >= Calls / 3, $"Only {grid.Begun} calls reached the grid.");
        Assert.Equal("ok", (await GatewayHost.JsonAsync(await host.Client.GetAsync("/healthz"))).GetProperty("status").GetString());
        await host.DisposeAsync();
        AssertNoErrors(host.Log);
    }

    [Fact]
    public async Task RandomCalls_ToANode_LeaveNoBlockHeld()
    {
        // Room for so few that some requests wait, some are refused and some make room for others.
        await using DemoNode node = await DemoNode.StartAsync(options => options with { MaxSequences = 8, QueueLength = 6, KvBytes = 1 << 20 }, options => options.MaxRequestBodyBytes = 32 * 1024);
        EngineOverview before = await node.IdleAsync();
        string[] models = ["MedDG", "demo/CMeIE", "6", "CHIP-CTC@1", "demo/MedDG@2", "CHIP-CDN", "CHIP-CDEE", "demo/7", "IMCS-V2-MRG", "8@1", "2@2", "MedDG@9"];

        IReadOnlyDictionary<string, int> statuses = await FuzzAsync(NodeCalls, random => new RandomCall(random, models, node.Keys), _ => node.Address, administration: null);
        EngineOverview after = await node.IdleAsync();

        Report($"{NodeCalls} calls, {node.Begun} answers begun, {after.GeneratedTokens} tokens, {after.Preemptions} preemptions; {before.KvBlocks - before.KvBlocksUsed} of {before.KvBlocks} blocks "
            + $"free before, {after.KvBlocks - after.KvBlocksUsed} after", statuses);
        AssertHealthy(statuses);
        Assert.Equal((0, 0, 0), (before.Running, before.Waiting, before.KvBlocksUsed));
        Assert.Equal((0, 0, 0), (after.Running, after.Waiting, after.KvBlocksUsed));
        // A slow machine refuses more of them, which is as deep.
        int reached = node.Begun + statuses.GetValueOrDefault("429");
        Assert.True(reached >= NodeCalls / 3, $"Only {reached} calls reached the engine.");
        using var client = new HttpClient { BaseAddress = node.Address };
        client.DefaultRequestHeaders.Authorization = new("Bearer", node.Keys[0]);
        using HttpResponseMessage last = await client.PostAsJsonAsync("/v1/completions", new { model = "MedDG", prompt = "头痛", max_tokens = 4 });
        Assert.True(last.IsSuccessStatusCode);
        await node.DisposeAsync();
        AssertNoErrors(node.Log);
    }

    /// <returns>How often which status, or what instead of one.</returns>
    private async Task<IReadOnlyDictionary<string, int>> FuzzAsync(int calls, Func<Random, RandomCall> make, Func<Random, Uri> choose, Uri? administration)
    {
        var statuses = new ConcurrentDictionary<string, int>();
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            var random = new Random(4711 + worker);
            RandomCall call = make(random);
            for (int i = 0; i < calls / Workers; i++)
            {
                Uri address = choose(random);
                (byte[] request, bool mayWait) = call.Next(address == administration);
                string status = await FuzzClient.TalkAsync(address.Port, request, mayWait, random);
                statuses.AddOrUpdate(status, 1, (_, count) => count + 1);
            }
        })));
        output.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s");
        return statuses;
    }

    private void Report(string what, IReadOnlyDictionary<string, int> statuses) =>
        output.WriteLine($"{what}; {string.Join(", ", statuses.OrderBy(status => status.Key, StringComparer.Ordinal).Select(status => $"{status.Key}: {status.Value}"))}");

    private static void AssertHealthy(IReadOnlyDictionary<string, int> statuses)
    {
        Assert.DoesNotContain("500", statuses.Keys);
        Assert.DoesNotContain("no answer", statuses.Keys);
        Assert.Contains("200", statuses.Keys);
        Assert.Contains("400", statuses.Keys);
    }

    private static void AssertNoErrors(LogCapture log) => Assert.DoesNotContain(
        log.Text.Split('\n'), line => line.StartsWith("Error ", StringComparison.Ordinal) || line.StartsWith("Critical ", StringComparison.Ordinal));
}
