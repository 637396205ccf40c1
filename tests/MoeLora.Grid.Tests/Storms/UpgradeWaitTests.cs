using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Serving.Tests;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>
/// How long requests wait for their first token while versions are published and activated, beside how long they wait otherwise, in turns; and how long the very first
/// ones of tasks do, whose grains are nowhere yet. Held to the goal where MOELORA_LONG is 1, on a machine with nothing else to do.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class UpgradeWaitTests(StormBundles bundles, ITestOutputHelper output) : IClassFixture<StormBundles>
{
    private const int Silos = 2;
    private const int Tokens = 8;
    private const int Versions = 3;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly int Rounds = IsLong ? 5 : 1;
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(IsLong ? 12 : 3);

    /// <summary>Between two requests of one caller: the silos are busy for about a third of the time, as they would be where they are not too few.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(60);

    [LongFact]
    public async Task Requests_WhileVersionsChange_WaitHardlyLonger()
    {
        string state = Directory.CreateTempSubdirectory("moelora-upgrade-").FullName;
        try
        {
            string store = Path.Combine(state, "cluster.db");
            await using var fleet = new SiloFleet(store, Silos, FailureDetection.Default);
            await fleet.StartAsync();
            await ActivateAsync(0);
            await using Application application = await Application.StartAsync(store);
            IModelGrid grid = application.Grid;

            await Application.UntilAsync(() => grid.Status.IsReady);
            await AskAsync(grid, bundles.Cases[0]); // warms up the application and one task
            var cold = new List<double>();
            foreach ((string Task, int[] Prompt) each in bundles.Cases[1..])
                cold.Add(await AskAsync(grid, each));
            var warm = new List<double>();
            foreach ((string Task, int[] Prompt) each in bundles.Cases[1..])
                warm.Add(await AskAsync(grid, each));
            output.WriteLine(FormattableString.Invariant($"first token of a task whose grain is nowhere: {At(cold, 0.5):F1} ms at p50, {At(cold, 1):F1} ms at most; of one whose grain lives: {At(warm, 0.5):F1} ms, {At(warm, 1):F1} ms"));

            int version = 0;
            var activations = new List<double>();
            var waits = (Calm: new List<double>(), Upgrading: new List<double>());
            for (int round = 0; round < Rounds; round++)
            {
                waits.Calm.AddRange(await LoadAsync(null));
                waits.Upgrading.AddRange(await LoadAsync(async () =>
                {
                    version = (version + 1) % Versions;
                    var clock = Stopwatch.StartNew();
                    await ActivateAsync(version);
                    activations.Add(clock.Elapsed.TotalMilliseconds);
                    await Task.Delay(TimeSpan.FromMilliseconds(500));
                }));
            }

            output.WriteLine(FormattableString.Invariant(
                $"first token of {waits.Calm.Count} requests: {At(waits.Calm, 0.5):F1} ms at p50, {At(waits.Calm, 0.99):F1} ms at p99; of {waits.Upgrading.Count} while versions change: {At(waits.Upgrading, 0.5):F1} ms, {At(waits.Upgrading, 0.99):F1} ms; {activations.Count} activations of {At(activations, 0.5):F0} ms at p50, {At(activations, 1):F0} ms at most"));
            Assert.NotEmpty(activations);
            if (IsLong)
                Assert.InRange(At(waits.Upgrading, 0.99) - At(waits.Calm, 0.99), double.MinValue, 50);

            async Task<List<double>> LoadAsync(Func<Task>? change)
            {
                using var over = new CancellationTokenSource(Turn);
                Task changing = change is null ? Task.CompletedTask : Task.Run(async () =>
                {
                    while (!over.IsCancellationRequested)
                        await change();
                });
                List<double>[] heard = await Task.WhenAll(Enumerable.Range(0, 4).Select(caller => Task.Run(async () =>
                {
                    var random = new Random(caller);
                    var mine = new List<double>();
                    for (int turn = caller; !over.IsCancellationRequested; turn++)
                    {
                        mine.Add(await AskAsync(grid, bundles.Cases[turn % bundles.Cases.Length]));
                        await Task.Delay(Pause * (0.5 + random.NextDouble()));
                    }

                    return mine;
                })));
                await changing;
                return [.. heard.SelectMany(each => each)];
            }

            async Task ActivateAsync(int v)
            {
                Assert.StartsWith("ok", await fleet.CommandAsync(0, $"publish {bundles.Directories[v]}"), StringComparison.Ordinal);
                Assert.StartsWith("ok", await fleet.CommandAsync(0, $"activate {StormBundles.Bank} {v + 1}"), StringComparison.Ordinal);
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    /// <summary>Asks, reads all of the answer, and says when its first token came, in milliseconds.</summary>
    private static async Task<double> AskAsync(IModelGrid grid, (string Task, int[] Prompt) each)
    {
        var clock = Stopwatch.StartNew();
        double? first = null;
        await foreach (GenerationEvent item in await grid.StartAsync(Answers.Request($"{StormBundles.Bank}/{each.Task}", each.Prompt, Tokens)))
        {
            if (item is TokenChunk)
                first ??= clock.Elapsed.TotalMilliseconds;
        }

        return first!.Value;
    }

    private static double At(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }
}
