using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>Many threads submit, cancel and ask for work at once: every request ends once, and nothing stays held.</summary>
public sealed class ConcurrencyTests
{
    [Fact]
    public async Task Requests_OfManyThreads_EachEndOnce()
    {
        using var pack = new EnginePack(Pack.Llama);
        using BatchEngine engine = pack.Engine(new EngineOptions { Blocks = 12, MaxSequences = 8, QueueLength = 20 });
        int[] taken = new int[4], refused = new int[4], cancelled = new int[4];

        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 60; i++)
            {
                using var cancellation = new CancellationTokenSource();
                bool fromOutput = random.Next(4) == 0;
                var output = new RecordedOutput(onToken: count =>
                {
                    if (fromOutput && count == 2)
                        cancellation.Cancel();
                });
                EngineRequest request = pack.Request(random, longestPrompt: 60, mostTokens: 12) with { Tenant = $"tenant {thread % 2}", PrefixKey = random.Next(2) == 0 ? "key" : null };
                if (!engine.TrySubmit(request, output, cancellation.Token).IsAccepted)
                {
                    refused[thread]++;
                    continue;
                }

                taken[thread]++;
                switch (random.Next(3))
                {
                    case 0:
                        cancellation.Cancel(); // while it waits, runs, or ends
                        break;
                    case 1:
                        await engine.RunAsync(() => { });
                        break;
                }

                EngineResult result = await output.Ended.WaitAsync(TimeSpan.FromMinutes(5));
                Assert.Null(result.Failure);
                cancelled[thread] += result.Ends[0] == GenerationEnd.Cancelled ? 1 : 0;
            }
        })));

        BatchEngineTests.AssertWhole(engine);
        Assert.True(taken.Sum() > 100 && cancelled.Sum() > 20, $"{taken.Sum()} taken, {refused.Sum()} refused, {cancelled.Sum()} cancelled");
    }
}
