using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Redis;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Databases;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>
/// Three silos as processes, streams over the demo's eight tasks through the cluster's client, and again and again a silo that is killed while versions are published:
/// every stream ends with the golden answer of the version that it declares. The full form, with 200 streams and 24 kills, runs where MOELORA_LONG is 1. A kill comes each
/// 5 s, or later where fewer than two silos answer by then: on few processors silos take longer to come back.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class KillStormTests(StormBundles bundles, ITestOutputHelper output) : IClassFixture<StormBundles>
{
    private const int Silos = 3;
    private const int StepMilliseconds = 100;

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

    /// <summary>An answer, and how long its reader waited for what came next at most.</summary>
    private sealed record Heard(string Task, CollectedAnswer Answer, string Began, TimeSpan LongestWait)
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
        await using var fleet = new SiloFleet(store, Silos, Detection, SiloChild.Name, StepMilliseconds);
        await fleet.StartAsync();
        await ActivateAsync(fleet, 0, 1);
        await using Application application = await Application.StartAsync(store);
        IModelGrid grid = application.Grid;
        await Application.UntilAsync(() => grid.Status.IsReady);

        using var struck = new CancellationTokenSource();
        using var over = new CancellationTokenSource();
        var clock = Stopwatch.StartNew();
        var answers = new ConcurrentQueue<Heard>();
        var problems = new ConcurrentQueue<string>();
        Task[] streams = [.. Enumerable.Range(0, form.Streams).Select(i => Task.Run(() => AskOnAsync(i)))];
        Task<(string, TimeSpan[])> publishing = Task.Run(PublishOnAsync);
        Task supervising = Task.Run(() => fleet.SuperviseAsync(over.Token));

        var random = new Random(1);
        for (int kill = 1; kill <= form.Kills; kill++)
        {
            TimeSpan due = kill * form.Between - clock.Elapsed;
            await Task.Delay(due > TimeSpan.Zero ? due : TimeSpan.Zero);
            // The last one that answers is left alone: streams must have somewhere to go on within their patience. One that has just started does not answer yet.
            int[] answering = [];
            await Application.UntilAsync(() => (answering = [.. fleet.Running.Where(silo => application.Answers(SiloFleet.NameOf(silo), StormBundles.Bank))]).Length > 1);
            await fleet.KillAsync(answering[random.Next(answering.Length)]);
        }

        await struck.CancelAsync();
        TimeSpan lasted = clock.Elapsed;
        (string last, TimeSpan[] activations) = await publishing;
        await Application.UntilAsync(() => answers.Any(answer => answer.Answer.Finished.Provenance.Version == last));
        await over.CancelAsync();
        await Task.WhenAll(streams).WaitAsync(TimeSpan.FromMinutes(3));
        await supervising;

        Heard[] resumed = [.. answers.Where(answer => answer.WasResumed)];
        int served = answers.Select(answer => answer.Answer.Finished.Provenance.Version).Distinct().Count();
        int mixed = answers.Count(answer => !bundles.Golden(answer.Answer.Finished.Provenance.Version!, answer.Task).SequenceEqual(answer.Answer.Ids));
        output.WriteLine(FormattableString.Invariant(
            $"{answers.Count} answers by {served} versions through {form.Kills} kills, one each {lasted.TotalSeconds / form.Kills:F1} s: {problems.Count} lost, {mixed} mixed. {resumed.Length} ended on another silo than they began on, and waited {Longest(resumed):F0} ms at most; the longest wait of all was {Longest(answers):F0} ms. {activations.Length} activations took {activations.Min().TotalMilliseconds:F0} to {activations.Max().TotalMilliseconds:F0} ms. {fleet.EndedThemselves.Count} silos ended themselves."));
        foreach (string line in problems.Take(5).Concat(fleet.EndedThemselves.Select(said => said[..Math.Min(400, said.Length)])))
            output.WriteLine(line);
        Assert.Empty(problems);
        Assert.True(answers.Count >= form.Streams, "The storm must have been answered.");
        Assert.True(served > 1, "The storm must have been answered by several versions.");
        Assert.All(answers, answer => Assert.Equal(bundles.Golden(answer.Answer.Finished.Provenance.Version!, answer.Task), answer.Answer.Ids));

        async Task AskOnAsync(int i)
        {
            for (int turn = i; !over.IsCancellationRequested; turn++)
            {
                (string task, int[] prompt) = bundles.Cases[turn % bundles.Cases.Length];
                GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(Answers.Request($"{StormBundles.Bank}/{task}", prompt, StormBundles.Tokens));
                if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
                {
                    problems.Enqueue($"{task} refused: {error.Message}");
                    continue;
                }

                var waits = new Waits();
                CollectedAnswer answer = await Answers.ReadAsync(waits.Of(events));
                if (answer.Last is GenerationFailed failed)
                    problems.Enqueue($"{task} failed: {failed.Error.Message}");
                else
                    answers.Enqueue(new Heard(task, answer, waits.Began, waits.Longest));
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
                await ActivateAsync(fleet, turn, v);
                took.Add(clock.Elapsed - began);
                if (turn >= form.Versions - 1 && struck.IsCancellationRequested)
                    return ($"{v}", [.. took]);
            }
        }
    }

    /// <summary>Publishes and activates a version on whichever silo takes it; where that is lost meanwhile, another is asked again, and what was done already changes nothing.</summary>
    private async Task ActivateAsync(SiloFleet fleet, int first, int version)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string? said = null;
        for (int i = first; ; i++)
        {
            Assert.False(patience.IsCancellationRequested, $"Version {version} could not be activated: {said}");
            said = await fleet.CommandAsync(i % fleet.Count, $"publish {bundles.Directories[version - 1]}");
            if (said?.StartsWith("ok", StringComparison.Ordinal) == true)
                said = await fleet.CommandAsync(i % fleet.Count, $"activate {StormBundles.Bank} {version}");
            if (said?.StartsWith("ok", StringComparison.Ordinal) == true)
                return;
            if (said is not null)
                output.WriteLine($"version {version}: {said}");
            await Task.Delay(200, CancellationToken.None);
        }
    }

    private static double Longest(IEnumerable<Heard> answers) => answers.Select(answer => answer.LongestWait.TotalMilliseconds).DefaultIfEmpty().Max();

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
