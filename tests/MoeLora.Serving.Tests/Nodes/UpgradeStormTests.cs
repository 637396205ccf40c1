using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.State;
using Xunit.Abstractions;

namespace MoeLora.Serving.Tests.Nodes;

/// <summary>
/// Many streams over the eight tasks of the demo, while versions are published, activated and rolled back at random and some of them are broken. The full
/// form, with 200 streams and 20 versions, runs where MOELORA_LONG is 1.
/// </summary>
public sealed class UpgradeStormTests(ITestOutputHelper output)
{
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly int Streams = IsLong ? 200 : 24;
    private static readonly int Versions = IsLong ? 20 : 5;
    private static readonly int Broken = IsLong ? 5 : 1;
    private const int Tokens = 16;

    private readonly record struct Case(string Task, int[] Prompt);

    [Fact]
    public async Task Storm_OfUpgrades_LosesNothingAndMixesNothing()
    {
        string demo = Path.Combine(Packs.Data, "..", "..", "deploy", "demo", "files"), model = Path.Combine(demo, "base");
        ITokenizer tokenizer = TokenizerReader.Read(model).Require();
        Case[] cases = [.. ReadCases(Path.Combine(demo, "test.jsonl"), tokenizer)];
        using var bundles = new NodeBundles(model, Path.Combine(demo, "v2"), task => cases.First(each => each.Task == task.Name.ToString()).Prompt);
        string state = Directory.CreateTempSubdirectory("moelora-storm-").FullName;
        try
        {
            using StateDatabase database = StateDatabase.Sqlite(Path.Combine(state, "state.db"));
            await using NodeGrid node = NodeGrid.Open(bundles.Options(state), database, null, NullLoggerFactory.Instance, TimeProvider.System);
            await node.StartAsync();

            // Versions that answer differently, what each answers when it is alone, and broken ones among them.
            var random = new Random(1);
            HashSet<int> broken = [.. Enumerable.Range(2, Versions - 1).OrderBy(_ => random.Next()).Take(Broken)];
            string[] made = [.. Enumerable.Range(1, Versions).Select(v => broken.Contains(v) ? bundles.MakeUnproven($"{v}", 1 - 0.04 * v) : bundles.Make($"{v}", 1 - 0.04 * v))];
            var golden = new Dictionary<(string Version, string Task), int[]>();
            await PublishAsync(node, made[0]);
            await ExecuteAsync(node, new ActivateVersion("bank", "1"));
            for (int v = 1; v <= Versions; v++)
            {
                if (broken.Contains(v))
                    continue;
                await using var alone = new LocalGrid(new LocalGridOptions { ModelDirectory = model, AdapterDirectory = made[v - 1], Threads = 1 });
                await alone.LoadAsync();
                foreach (Case each in cases)
                    golden[($"{v}", each.Task)] = [.. (await alone.AnswerAsync(Request(each))).Ids];
            }

            List<double> quiet = [], swapping = [];
            var answers = new ConcurrentQueue<(Case Case, CollectedAnswer? Answer)>();
            bool isOver = false, isSwapping = false;
            Task[] streams = [.. Enumerable.Range(0, Streams).Select(i => Task.Run(() => AskOnAsync(i)))];

            await RunUntilAsync(Streams); // streams under way, no swap
            Volatile.Write(ref isSwapping, true);
            int failures = 0, swaps = 0;
            for (int v = 2; v <= Versions; v++)
            {
                await PublishAsync(node, made[v - 1]);
                if (!(await node.Rollouts.ExecuteAsync(new ActivateVersion("bank", $"{v}"), NodeBundles.Operator)).TryGet(out _, out _))
                    failures++;
                else
                    swaps++;
                if (random.Next(3) == 0 && (await node.Rollouts.ExecuteAsync(new RollBack("bank"), NodeBundles.Operator)).TryGet(out _, out _))
                    swaps++;
            }

            await RunUntilAsync(answers.Count + Streams);
            Volatile.Write(ref isOver, true);
            await Task.WhenAll(streams).WaitAsync(TimeSpan.FromMinutes(10));

            Assert.Equal(broken.Count, failures);
            Assert.All(answers, answer => Assert.NotNull(answer.Answer));
            Assert.All(answers, answer =>
            {
                Provenance provenance = answer.Answer!.Finished.Provenance;
                Assert.Equal(golden[(provenance.Version!, answer.Case.Task)], answer.Answer.Ids);
            });
            int served = answers.Select(answer => answer.Answer!.Finished.Provenance.Version).Distinct().Count();
            Assert.True(served > 2, "The storm must have been answered by several versions.");
            double before = Percentile(quiet, 0.99), during = Percentile(swapping, 0.99);
            output.WriteLine($"{answers.Count} answers by {served} versions, {swaps} swaps, {failures} broken bundles refused; p99 of the gap between tokens "
                + $"{before:F1} ms without swaps, {during:F1} ms during ({during / before:F2} times).");
            EngineIsEmpty(node);

            async Task AskOnAsync(int i)
            {
                for (int turn = i; !Volatile.Read(ref isOver); turn++)
                {
                    Case each = cases[turn % cases.Length];
                    var gaps = new List<double>();
                    bool swapped = Volatile.Read(ref isSwapping);
                    CollectedAnswer? answer = await AnswerAsync(node, Request(each), gaps);
                    lock (quiet)
                        (swapped ? swapping : quiet).AddRange(gaps);
                    answers.Enqueue((each, answer));
                }
            }

            async Task RunUntilAsync(int count)
            {
                while (answers.Count < count)
                    await Task.Delay(20);
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static void EngineIsEmpty(NodeGrid node)
    {
        var engine = node.Bases.Single().Engine.Statistics;
        Assert.Equal((0, 0, 0), (engine.Running, engine.Waiting, engine.UsedBlocks));
    }

    private static GenerationRequest Request(Case each) => Answers.Request(each.Task, each.Prompt, Tokens);

    /// <summary>The answer, or null when it was lost; the times between its tokens in milliseconds.</summary>
    private static async Task<CollectedAnswer?> AnswerAsync(NodeGrid node, GenerationRequest request, List<double> gaps)
    {
        if (!(await node.GenerateAsync(request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _))
            return null;
        var ids = new List<int>();
        long last = 0;
        await foreach (GenerationEvent item in events)
        {
            switch (item)
            {
                case TokenChunk { TokenIds.Count: > 0 } chunk:
                    long now = Stopwatch.GetTimestamp();
                    if (last != 0)
                        gaps.Add(Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
                    last = now;
                    ids.AddRange(chunk.TokenIds);
                    break;
                case GenerationFinished:
                    return new CollectedAnswer("", ids, item);
            }
        }

        return null;
    }

    private static async Task PublishAsync(NodeGrid node, string bundle)
    {
        await using MemoryStream archive = await NodeBundles.PackAsync(bundle);
        Assert.True((await node.Rollouts.PublishAsync(archive, NodeBundles.Operator)).TryGet(out _, out GridError? error), error?.Message);
    }

    private static async Task ExecuteAsync(NodeGrid node, RolloutCommand command) =>
        Assert.True((await node.Rollouts.ExecuteAsync(command, NodeBundles.Operator)).TryGet(out _, out GridError? error), error?.Message);

    // One prompt of each task: the first held-out record.
    private static IEnumerable<Case> ReadCases(string file, ITokenizer tokenizer) =>
        File.ReadLines(file).Select(line => JsonDocument.Parse(line).RootElement)
            .GroupBy(record => record.GetProperty("task_dataset").GetString()!)
            .Select(group => new Case(group.Key, [.. tokenizer.Encode(group.First().GetProperty("input").GetString()!)]));

    private static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[(int)Math.Min(values.Count - 1, share * values.Count)];
    }
}
