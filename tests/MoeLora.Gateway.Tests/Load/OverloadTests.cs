using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using MoeLora.Contracts.Overview;
using MoeLora.Gateway.Tests.Nodes;
using Xunit.Abstractions;

namespace MoeLora.Gateway.Tests.Load;

/// <summary>
/// Ten times as many requests as a node can answer, over HTTP, whether earlier ones are answered or not: those that are taken are all answered whole, the others
/// are told at once when to come again, and neither the queue nor the memory grows. Two minutes where MOELORA_LONG is 1, else two seconds.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class OverloadTests(ITestOutputHelper output)
{
    private const int Sequences = 8;
    private const int Queue = 16;
    private const double Times = 10;
    private const long MostGrowth = 24 << 20; // what pools and caches of server and client may fill up to
    private const string Whole = "\"finish_reason\":\"length\"";

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(IsLong ? 120 : 2);

    [Fact]
    public async Task Overload_RefusesWhatIsTooMuchAndFailsNothingThatItTook()
    {
        await using DemoNode node = await DemoNode.StartAsync(options => options with { MaxSequences = Sequences, QueueLength = Queue, KvBytes = 4 << 20 });
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 500 }) { BaseAddress = node.Address, Timeout = TimeSpan.FromMinutes(5) };
        await CapacityAsync(client, node); // until the compiler has seen what is hot
        double capacity = await CapacityAsync(client, node);
        await AskAsync(client, node, capacity, TimeSpan.FromSeconds(IsLong ? 10 : 1)); // until pools are as large as they get
        EngineOverview before = await node.IdleAsync();
        (long heapBefore, long setBefore) = Memory();

        Tally tally = await AskAsync(client, node, capacity, Duration);

        EngineOverview after = await node.IdleAsync();
        (long heapAfter, long setAfter) = Memory();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"capacity {capacity:F0}/s; {Duration.TotalSeconds:F0} s at {tally.Sent / tally.Seconds:F0}/s: {tally.Accepted} accepted, {tally.Refused} refused, {tally.Failed} failed; peak queue {tally.PeakQueue} of {Queue}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"managed heap {heapBefore / 1e6:F1} MB before, {heapAfter / 1e6:F1} after; working set {setBefore / 1e6:F0} and {setAfter / 1e6:F0}, {tally.PeakWorkingSet / 1e6:F0} at most; "
            + $"free blocks {before.KvBlocks - before.KvBlocksUsed} and {after.KvBlocks - after.KvBlocksUsed} of {after.KvBlocks}"));
        Assert.True(tally.Failures.IsEmpty, string.Join('\n', tally.Failures.Take(5)));
        Assert.True(tally.Accepted > 0 && tally.Refused > tally.Accepted * (IsLong ? 1 : 0.1), "That was no overload."); // the queue takes most of two seconds' requests
        Assert.InRange(tally.PeakQueue, 1, Queue);
        Assert.Equal((0, 0, 0), (before.Running, before.Waiting, before.KvBlocksUsed));
        Assert.Equal((0, 0, 0), (after.Running, after.Waiting, after.KvBlocksUsed));
        Assert.InRange(heapAfter - heapBefore, long.MinValue, MostGrowth);
        Assert.InRange(tally.PeakWorkingSet, 0, setBefore + (256 << 20)); // a leak of 1 KiB for each request would be more in the long form
    }

    /// <summary>Answers in a second when as many ask as run at once, each again as soon as it is answered.</summary>
    private static async Task<double> CapacityAsync(HttpClient client, DemoNode node)
    {
        TimeSpan duration = TimeSpan.FromSeconds(IsLong ? 5 : 1);
        var tally = new Tally();
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Sequences).Select(async i =>
        {
            while (Stopwatch.GetElapsedTime(start) < duration)
                await OneAsync(client, node.Keys[i % node.Keys.Count], i, tally);
        }));
        return tally.Accepted / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<Tally> AskAsync(HttpClient client, DemoNode node, double capacity, TimeSpan duration)
    {
        var tally = new Tally();
        using var over = new CancellationTokenSource();
        Task watching = WatchAsync(node, tally, over.Token);
        var open = new ConcurrentDictionary<int, Task>();
        long start = Stopwatch.GetTimestamp();
        for (TimeSpan now; (now = Stopwatch.GetElapsedTime(start)) < duration;)
        {
            for (; tally.Sent < now.TotalSeconds * capacity * Times; tally.Sent++)
            {
                int number = tally.Sent;
                open[number] = Task.Run(async () =>
                {
                    await OneAsync(client, node.Keys[number % node.Keys.Count], number, tally);
                    open.TryRemove(number, out _);
                });
            }

            await Task.Delay(1);
        }

        tally.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await Task.WhenAll(open.Values);
        await over.CancelAsync();
        await watching;
        return tally;
    }

    private static async Task OneAsync(HttpClient client, string key, int number, Tally tally)
    {
        string task = number % 3 == 0 ? "MedDG" : number % 3 == 1 ? "demo/CMeIE" : "6", stream = number % 2 == 0 ? ",\"stream\":true" : "";
        // No token ends these: all are as long.
        string body = $$"""{"model":"{{task}}","prompt":"患者：我晕厥7天了。","max_tokens":32,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"string","minLength":500} } }{{stream}}}""";
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            string text = await response.Content.ReadAsStringAsync();
            if (response.StatusCode == HttpStatusCode.TooManyRequests && response.Headers.RetryAfter is not null)
                Interlocked.Increment(ref tally.Refused);
            else if (response.IsSuccessStatusCode && text.Contains(Whole, StringComparison.Ordinal) && (stream.Length == 0 || text.Contains("data: [DONE]", StringComparison.Ordinal)))
                Interlocked.Increment(ref tally.Accepted);
            else
                tally.Failures.Enqueue($"{(int)response.StatusCode}: {text}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            tally.Failures.Enqueue(e.Message);
        }
    }

    private static async Task WatchAsync(DemoNode node, Tally tally, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            tally.PeakQueue = Math.Max(tally.PeakQueue, (await node.EngineAsync()).Waiting);
            tally.PeakWorkingSet = Math.Max(tally.PeakWorkingSet, Environment.WorkingSet);
            await Task.Delay(10, CancellationToken.None);
        }
    }

    private static (long Heap, long WorkingSet) Memory() => (GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet);

    private sealed class Tally
    {
        public int Sent;
        public int Accepted;
        public int Refused;

        public ConcurrentQueue<string> Failures { get; } = new();

        public int Failed => Failures.Count;

        public int PeakQueue { get; set; }

        public long PeakWorkingSet { get; set; }

        public double Seconds { get; set; }
    }
}
