using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Redis;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Databases;
using MoeLora.Serving.Tests.Nodes;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>
/// Three silos as processes, streams over the demo's eight tasks through the cluster's client, and again and again a silo that is killed while versions are published:
/// every stream ends with the golden answer of the version that it declares. The full form, with 200 streams for two minutes and a kill every 5 s, runs where
/// MOELORA_LONG is 1.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class KillStormTests(ITestOutputHelper output)
{
    private const int Silos = 3;
    private const int Tokens = 24;
    private const string Bank = "bank";

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";

    /// <summary>Fast takes a silo that a busy machine lets stand for a second for dead, rightly: the short forms, which run on such machines, wait longer.</summary>
    private static readonly FailureDetection Detection = IsLong ? FailureDetection.Fast : FailureDetection.Default;

    /// <param name="Streams">Answers at once.</param>
    /// <param name="Kills">How often a silo is killed.</param>
    /// <param name="Between">The time between two kills, and between two changes of the version.</param>
    /// <param name="Versions">Versions of the bank.</param>
    private sealed record Form(int Streams, int Kills, TimeSpan Between, int Versions)
    {
        public static Form Long { get; } = new(200, 24, TimeSpan.FromSeconds(5), 8);
    }

    private sealed record Case(string Task, int[] Prompt);

    /// <summary>An answer, and how long its reader waited for what came next at most.</summary>
    private sealed record Heard(Case Case, CollectedAnswer Answer, string Began, TimeSpan LongestWait)
    {
        public bool WasResumed => Answer.Last is GenerationFinished finished && finished.Provenance.Node != Began;
    }

    [Fact]
    public async Task Silos_KilledWhileVersionsArePublished_LoseNothingAndMixNothing()
    {
        string state = Directory.CreateTempSubdirectory("moelora-cluster-").FullName;
        try
        {
            await StormAsync(Path.Combine(state, "cluster.db"), IsLong ? Form.Long : new Form(16, 2, TimeSpan.FromSeconds(3), 3));
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    [PostgreSqlFact]
    public Task Silos_KilledWhileMembersAreInPostgreSql_LoseNothingAndMixNothing() =>
        StormAsync(PostgreSqlServer.NewDatabase(), IsLong ? Form.Long : new Form(4, 1, TimeSpan.FromSeconds(2), 2));

    [RedisFact]
    public Task Silos_KilledWhileMembersAreInRedis_LoseNothingAndMixNothing() =>
        StormAsync("redis:" + RedisServer.NewDatabase(), IsLong ? Form.Long : new Form(4, 1, TimeSpan.FromSeconds(2), 2));

    private async Task StormAsync(string store, Form form)
    {
        ITokenizer tokenizer = TokenizerReader.Read(DemoFiles.Base).Require();
        Case[] cases = [.. ReadCases(tokenizer)];
        using var bundles = new NodeBundles(DemoFiles.Base, DemoFiles.Bundle(2), task => cases.First(each => each.Task == task.Name.ToString()).Prompt);
        string[] made = [.. Enumerable.Range(1, form.Versions).Select(v => bundles.Make($"{v}", 1 - 0.06 * v, Bank))];
        Dictionary<(string Version, string Task), int[]> golden = await AnswerAloneAsync(made, cases);

        await using var fleet = new SiloFleet(store, Silos, Detection);
        await fleet.StartAsync();
        await ActivateAsync(fleet, 0, made[0], "1");
        await using Application application = await Application.StartAsync(store);
        IModelGrid grid = application.Grid;
        await Application.UntilAsync(() => grid.Status.IsReady);

        using var over = new CancellationTokenSource();
        var clock = Stopwatch.StartNew();
        var answers = new ConcurrentQueue<Heard>();
        var problems = new ConcurrentQueue<string>();
        Task[] streams = [.. Enumerable.Range(0, form.Streams).Select(i => Task.Run(() => AskOnAsync(i)))];
        Task<(string, TimeSpan[])> publishing = Task.Run(PublishOnAsync);
        Task supervising = Task.Run(() => fleet.SuperviseAsync(over.Token));

        var random = new Random(1);
        int kills = 0;
        for (int kill = 1; kill <= form.Kills; kill++)
        {
            TimeSpan due = kill * form.Between - clock.Elapsed;
            await Task.Delay(due > TimeSpan.Zero ? due : TimeSpan.Zero);
            // The last one that answers is left alone: streams must have somewhere to go on within their patience.
            int[] running = fleet.Running;
            if (running.Length < 2)
                continue;
            await fleet.KillAsync(running[random.Next(running.Length)]);
            kills++;
        }

        TimeSpan lasted = clock.Elapsed;
        (string last, TimeSpan[] activations) = await publishing;
        await Application.UntilAsync(() => answers.Any(answer => answer.Answer.Finished.Provenance.Version == last));
        await over.CancelAsync();
        await Task.WhenAll(streams).WaitAsync(TimeSpan.FromMinutes(3));
        await supervising;

        Heard[] resumed = [.. answers.Where(answer => answer.WasResumed)];
        int served = answers.Select(answer => answer.Answer.Finished.Provenance.Version).Distinct().Count();
        int mixed = answers.Count(answer => !golden[(answer.Answer.Finished.Provenance.Version!, answer.Case.Task)].SequenceEqual(answer.Answer.Ids));
        output.WriteLine(FormattableString.Invariant(
            $"{answers.Count} answers by {served} versions through {kills} kills in {lasted.TotalSeconds:F0} s: {problems.Count} lost, {mixed} mixed. {resumed.Length} ended on another silo than they began on, and waited {Longest(resumed):F0} ms at most; the longest wait of all was {Longest(answers):F0} ms. {activations.Length} activations took {activations.Min().TotalMilliseconds:F0} to {activations.Max().TotalMilliseconds:F0} ms. {fleet.EndedThemselves.Count} silos ended themselves."));
        foreach (string line in problems.Take(5).Concat(fleet.EndedThemselves.Select(said => said[..Math.Min(400, said.Length)])))
            output.WriteLine(line);
        Assert.Empty(problems);
        Assert.True(kills > form.Kills / 2, "The storm must have been one.");
        Assert.True(answers.Count >= form.Streams, "The storm must have been answered.");
        Assert.True(served > 1, "The storm must have been answered by several versions.");
        Assert.All(answers, answer => Assert.Equal(golden[(answer.Answer.Finished.Provenance.Version!, answer.Case.Task)], answer.Answer.Ids));

        async Task AskOnAsync(int i)
        {
            for (int turn = i; !over.IsCancellationRequested; turn++)
            {
                Case each = cases[turn % cases.Length];
                GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(Answers.Request($"{Bank}/{each.Task}", each.Prompt, Tokens));
                if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
                {
                    problems.Enqueue($"{each.Task} refused: {error.Message}");
                    continue;
                }

                var waits = new Waits();
                CollectedAnswer answer = await Answers.ReadAsync(waits.Of(events));
                if (answer.Last is GenerationFailed failed)
                    problems.Enqueue($"{each.Task} failed: {failed.Error.Message}");
                else
                    answers.Enqueue(new Heard(each, answer, waits.Began, waits.Longest));
            }
        }

        async Task<(string, TimeSpan[])> PublishOnAsync()
        {
            // New versions first, and then again those that were retired meanwhile, as long as silos are killed.
            var took = new List<TimeSpan>();
            for (int turn = 1; ; turn++)
            {
                await Task.Delay(form.Between);
                int v = 1 + turn % form.Versions;
                TimeSpan began = clock.Elapsed;
                await ActivateAsync(fleet, turn, made[v - 1], $"{v}");
                took.Add(clock.Elapsed - began);
                if (turn >= form.Versions - 1 && clock.Elapsed > form.Kills * form.Between)
                    return ($"{v}", [.. took]);
            }
        }
    }

    /// <summary>Publishes and activates a version on whichever silo takes it; where that is lost meanwhile, another is asked again, and what was done already changes nothing.</summary>
    private async Task ActivateAsync(SiloFleet fleet, int first, string bundle, string version)
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
            if (said is not null)
                output.WriteLine($"version {version}: {said}");
            await Task.Delay(200, CancellationToken.None);
        }
    }

    private static double Longest(IEnumerable<Heard> answers) => answers.Select(answer => answer.LongestWait.TotalMilliseconds).DefaultIfEmpty().Max();

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

    /// <summary>Looks at an answer while it is read.</summary>
    private sealed class Waits
    {
        /// <summary>The node that began it.</summary>
        public string Began { get; private set; } = "";

        /// <summary>The longest time between two events.</summary>
        public TimeSpan Longest { get; private set; }

        public async IAsyncEnumerable<GenerationEvent> Of(IAsyncEnumerable<GenerationEvent> events, [EnumeratorCancellation] CancellationToken cancellation = default)
        {
            long last = Stopwatch.GetTimestamp();
            await foreach (GenerationEvent item in events.WithCancellation(cancellation))
            {
                TimeSpan waited = Stopwatch.GetElapsedTime(last);
                Longest = waited > Longest ? waited : Longest;
                if (item is GenerationStarted started)
                    Began = started.Provenance.Node;
                yield return item;
                last = Stopwatch.GetTimestamp();
            }
        }
    }
}
