using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Costs;
using MoeLora.Grid.Tests.Storms;
using MoeLora.Serving.Tests;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Failures;

/// <summary>
/// Silos that answer on a machine all of whose cores are busy with something else are not taken for dead by the default way of detecting failures. Ten minutes where
/// MOELORA_LONG is 1; the fast way runs beside it then, and what becomes of it is printed.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class FalseDeathTests(ITestOutputHelper output)
{
    private const int Silos = 3;
    private const int Streams = 10;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly TimeSpan Time = IsLong ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Silos_OnABusyMachine_AreNotTakenForDead()
    {
        string state = Directory.CreateTempSubdirectory("moelora-busy-").FullName;
        try
        {
            (string normalStore, string fastStore) = (Path.Combine(state, "default.db"), Path.Combine(state, "fast.db"));
            await using var normal = new SiloFleet(normalStore, Silos, FailureDetection.Default, NullChild.Name);
            await using var fast = new SiloFleet(fastStore, IsLong ? Silos : 0, FailureDetection.Fast, NullChild.Name);
            await Task.WhenAll(normal.StartAsync(), fast.StartAsync());
            using var over = new CancellationTokenSource();
            Thread[] busy = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(_ => new Thread(() => Spin(over.Token)) { IsBackground = true })];
            foreach (Thread thread in busy)
                thread.Start();
            Task asking = Task.WhenAll(AskAsync(normalStore, over.Token), IsLong ? AskAsync(fastStore, over.Token) : Task.CompletedTask);
            await Task.Delay(Time);
            (int normalEnded, int fastEnded) = (Silos - normal.Running.Length, fast.Count - fast.Running.Length);
            await over.CancelAsync();
            await asking;

            output.WriteLine($"{Time.TotalSeconds:F0} s with {busy.Length} busy threads on {Environment.ProcessorCount} cores: {normalEnded} of {Silos} silos were taken for dead; with fast detection {fastEnded} of {fast.Count}");
            Assert.Equal(0, normalEnded);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task AskAsync(string store, CancellationToken over)
    {
        await using Application application = await Application.StartAsync(store);
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(async _ =>
        {
            while (!over.IsCancellationRequested)
            {
                // What becomes of an answer is no matter here: where silos die, it may find none.
                GridResult<IAsyncEnumerable<GenerationEvent>> answer = await application.Grid.GenerateAsync(
                    Answers.Request($"{NullNode.Bank}/{NullNode.TaskName}", [NullNode.Tick], 100), CancellationToken.None);
                if (answer.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? _))
                    await Answers.ReadAsync(events);
            }
        }));
    }

    private static void Spin(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
            Thread.SpinWait(10_000);
    }
}
