using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using MoeLora.Contracts;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Nodes;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>
/// Three silos as processes, streams over the demo's eight tasks through the cluster's client, and again and again a silo that is killed while versions are published:
/// every stream ends with the golden answer of the version that it declares. The full form, with 200 streams for two minutes and a kill every 5 s, runs where
/// MOELORA_LONG is 1.
/// </summary>
public sealed class KillStormTests(ITestOutputHelper output)
{
    private const int Silos = 3;
    private const int Tokens = 24;
    private const string Bank = "bank";

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly int Streams = IsLong ? 200 : 16;
    private static readonly int Kills = IsLong ? 24 : 2;
    private static readonly int Versions = IsLong ? 8 : 3;
    private static readonly TimeSpan BetweenKills = TimeSpan.FromSeconds(IsLong ? 5 : 3);

    private sealed record Case(string Task, int[] Prompt);

    [Fact]
    public async Task Silos_KilledWhileVersionsArePublished_LoseNothingAndMixNothing()
    {
        string state = Directory.CreateTempSubdirectory("moelora-cluster-").FullName;
        try
        {
            await StormAsync(Path.Combine(state, "cluster.db"));
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private async Task StormAsync(string store)
    {
        ITokenizer tokenizer = TokenizerReader.Read(DemoFiles.Base).Require();
        Case[] cases = [.. ReadCases(tokenizer)];
        using var bundles = new NodeBundles(DemoFiles.Base, DemoFiles.Bundle(2), task => cases.First(each => each.Task == task.Name.ToString()).Prompt);
        string[] made = [.. Enumerable.Range(1, Versions).Select(v => bundles.Make($"{v}", 1 - 0.06 * v, Bank))];
        Dictionary<(string Version, string Task), int[]> golden = await AnswerAloneAsync(made, cases);

        await using var fleet = new SiloFleet(store, Silos);
        for (int i = 0; i < Silos; i++)
            await fleet.StartAsync(i);
        await PublishAsync(fleet, 0, made[0], "1");
        using IHost application = Applications.Build(store, fleet);
        await application.StartAsync();
        IModelGrid grid = application.Services.GetRequiredService<IModelGrid>();
        await Applications.UntilAsync(() => grid.Status.IsReady);

        bool isOver = false;
        var answers = new ConcurrentQueue<(Case Case, CollectedAnswer Answer)>();
        var problems = new ConcurrentQueue<string>();
        Task[] streams = [.. Enumerable.Range(0, Streams).Select(i => Task.Run(() => AskOnAsync(i)))];
        Task publishing = Task.Run(PublishOnAsync);

        var random = new Random(1);
        var clock = Stopwatch.StartNew();
        int ended = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            await Task.Delay(BetweenKills);
            ended += await fleet.ReviveAsync();
            int silo = random.Next(Silos);
            await fleet.KillAsync(silo);
            await Task.Delay(TimeSpan.FromSeconds(1)); // the others must do without it for a while
            await fleet.StartAsync(silo);
        }

        await publishing;
        Volatile.Write(ref isOver, true);
        await Task.WhenAll(streams).WaitAsync(TimeSpan.FromMinutes(3));

        int served = answers.Select(answer => answer.Answer.Finished.Provenance.Version).Distinct().Count();
        output.WriteLine($"{answers.Count} answers by {served} versions through {Kills} kills in {clock.Elapsed.TotalSeconds:F0} s; {ended} silos ended themselves; {problems.Count} lost. {string.Join(' ', problems.Take(5))}");
        Assert.Empty(problems);
        Assert.True(answers.Count >= Streams, "The storm must have been answered.");
        Assert.True(served > 1, "The storm must have been answered by several versions.");
        Assert.All(answers, answer => Assert.Equal(golden[(answer.Answer.Finished.Provenance.Version!, answer.Case.Task)], answer.Answer.Ids));
        await application.StopAsync();

        async Task AskOnAsync(int i)
        {
            for (int turn = i; !Volatile.Read(ref isOver); turn++)
            {
                Case each = cases[turn % cases.Length];
                GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(Answers.Request($"{Bank}/{each.Task}", each.Prompt, Tokens));
                if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
                {
                    problems.Enqueue($"{each.Task} refused: {error.Message}");
                    continue;
                }

                CollectedAnswer answer = await Answers.ReadAsync(events);
                if (answer.Last is GenerationFailed failed)
                    problems.Enqueue($"{each.Task} failed: {failed.Error.Message}");
                else
                    answers.Enqueue((each, answer));
            }
        }

        async Task PublishOnAsync()
        {
            // Whichever silo takes it; one that was killed meanwhile is asked again through another, and what it had done already changes nothing.
            for (int v = 2; v <= Versions; v++)
            {
                await Task.Delay(BetweenKills);
                await PublishAsync(fleet, v, made[v - 1], $"{v}");
            }
        }
    }

    private async Task PublishAsync(SiloFleet fleet, int first, string bundle, string version)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string? said = null;
        for (int i = first; ; i++)
        {
            Assert.False(patience.IsCancellationRequested, $"Version {version} could not be activated: {said}");
            said = await fleet.CommandAsync(i % fleet.Count, $"publish {bundle}");
            if (said?.StartsWith("ok", StringComparison.Ordinal) == true)
                said = await fleet.CommandAsync(i % fleet.Count, $"activate {Bank} {version}");
            if (said?.StartsWith("ok", StringComparison.Ordinal) == true)
                return;
            output.WriteLine($"version {version}: {said ?? "the silo was killed"}");
            await Task.Delay(200, CancellationToken.None);
        }
    }

    private static async Task<Dictionary<(string Version, string Task), int[]>> AnswerAloneAsync(string[] bundles, Case[] cases)
    {
        var golden = new Dictionary<(string, string), int[]>();
        for (int v = 1; v <= bundles.Length; v++)
        {
            await using var alone = new LocalGrid(new LocalGridOptions { ModelDirectory = DemoFiles.Base, AdapterDirectory = bundles[v - 1], Threads = 1 });
            await alone.LoadAsync();
            foreach (Case each in cases)
                golden[($"{v}", each.Task)] = [.. (await alone.AnswerAsync(Answers.Request(each.Task, each.Prompt, Tokens))).Ids];
        }

        return golden;
    }

    private static IEnumerable<Case> ReadCases(ITokenizer tokenizer) =>
        from line in File.ReadLines(DemoFiles.Records)
        let record = JsonDocument.Parse(line).RootElement
        group record.GetProperty("input").GetString()! by record.GetProperty("task_dataset").GetString()! into task
        select new Case(task.Key, [.. tokenizer.Encode(task.First())]);
}
