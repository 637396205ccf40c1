using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Grid.Hosting;
using MoeLora.Grid.Tests.Storms;
using MoeLora.Serving.Tests;
using Xunit.Abstractions;

namespace MoeLora.Grid.Tests.Costs;

/// <summary>
/// What one, two and three silos do together, each as a process with a device of fixed speed that uses next to no processor: 8 answers at once, a token for each every
/// 10 ms. There is always more to do than they can.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class ScaleOutTests(ITestOutputHelper output)
{
    private const int Batch = 8;
    private const int Tasks = 12;
    private const int MostSilos = 3;
    private const int Streams = 6 * Batch * MostSilos;
    private const int Tokens = 50;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1";
    private static readonly TimeSpan Settles = TimeSpan.FromSeconds(IsLong ? 10 : 2);
    private static readonly TimeSpan Counted = TimeSpan.FromSeconds(IsLong ? 20 : 2);

    /// <summary>The goal where the machine has nothing else to do. On a busy one, silos wait for a processor; but three that do no more than one do not scale at all.</summary>
    private static readonly double Least = IsLong ? 0.9 : 0.5;

    [Fact]
    public async Task Silos_WithDevicesOfFixedSpeed_DoTwiceAndThriceAsMuch()
    {
        double[] speeds = new double[MostSilos + 1];
        foreach (int silos in IsLong ? [1, 2, 3] : new[] { 1, 3 })
        {
            speeds[silos] = await MeasureAsync(silos);
            output.WriteLine(FormattableString.Invariant($"{silos} silos: {speeds[silos]:F0} tokens/s, {speeds[silos] / silos / speeds[1]:F3} of linear"));
        }

        for (int silos = 2; silos <= MostSilos; silos++)
            Assert.True(speeds[silos] == 0 || speeds[silos] >= Least * silos * speeds[1], FormattableString.Invariant($"{silos} silos: {speeds[silos]:F0} tokens/s; one: {speeds[1]:F0}."));
    }

    private static async Task<double> MeasureAsync(int silos)
    {
        string state = Directory.CreateTempSubdirectory("moelora-scale-").FullName;
        try
        {
            string store = Path.Combine(state, "cluster.db");
            await using var fleet = new SiloFleet(store, silos, FailureDetection.Default, NullChild.Name, Batch, Tasks);
            await fleet.StartAsync();
            await using Application application = await Application.StartAsync(store);
            using var over = new CancellationTokenSource();
            long count = 0;
            Task[] streams = [.. Enumerable.Range(0, Streams).Select(i => Task.Run(() => AskOnAsync($"{NullNode.Bank}/{NullNode.NameOfTask(i % Tasks)}")))];
            await Task.Delay(Settles);
            long before = Interlocked.Read(ref count);
            var clock = Stopwatch.StartNew();
            await Task.Delay(Counted);
            double speed = (Interlocked.Read(ref count) - before) / clock.Elapsed.TotalSeconds;
            await over.CancelAsync();
            await Task.WhenAll(streams);
            return speed;

            async Task AskOnAsync(string model)
            {
                try
                {
                    while (true)
                    {
                        await foreach (GenerationEvent item in await application.Grid.StartAsync(Answers.Request(model, [NullNode.Tick], Tokens), over.Token))
                        {
                            if (item is TokenChunk)
                                Interlocked.Increment(ref count);
                        }
                    }
                }
                catch (OperationCanceledException) when (over.IsCancellationRequested)
                {
                }
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }
}
