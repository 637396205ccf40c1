using MoeLora.Engine.Batching;
using MoeLora.Engine.Batching.Steps;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>What happens in which step, on an engine without a thread.</summary>
public sealed class StepTests : IDisposable
{
    private readonly EnginePack _pack = new(Pack.Llama);

    public void Dispose() => _pack.Dispose();

    [Fact]
    public void LongPrompt_BesideRunningAnswers_LetsThemGoOnInEveryStep()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 64, StepTokens = 16 });
        RecordedOutput running = Submit(engine, "a", prompt: 10, tokens: 40), late = new();
        engine.RunOnce();
        Submit(engine, "a", prompt: 160, tokens: 2, late);

        for (int step = 1; step <= 10; step++)
        {
            Assert.Empty(late.Ids[0]);
            engine.RunOnce();
            Assert.Equal(1 + step, running.Ids[0].Count);
        }

        Assert.Single(late.Ids[0]);
        Assert.Equal(170, engine.Statistics.PromptTokens);
    }

    [Fact]
    public void ShortPrompt_OfATenantServedLess_DoesNotWaitForALongOne()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 64, StepTokens = 16 });
        RecordedOutput flood = Submit(engine, "flood", prompt: 200, tokens: 2), flood2 = Submit(engine, "flood", prompt: 200, tokens: 2);
        engine.RunOnce();
        engine.RunOnce();
        RecordedOutput light = Submit(engine, "light", prompt: 12, tokens: 2);

        engine.RunOnce();
        engine.RunOnce();

        Assert.NotEmpty(light.Ids[0]);
        Assert.Empty(flood.Ids[0]);
        RunToEnd(engine);
        Assert.Equal([GenerationEnd.MaxTokens], flood2.Wait().Ends);
    }

    [Fact]
    public void Flood_OfOneTenant_LeavesPlacesForOthers()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 128, MaxSequences = 16, QueueLength = 100 });
        for (int i = 0; i < 40; i++)
            Submit(engine, "flood", prompt: 5, tokens: 100);
        engine.RunOnce();
        engine.RunOnce();
        Assert.Equal(14, engine.Statistics.Running);

        RecordedOutput first = Submit(engine, "light", prompt: 5, tokens: 100), second = Submit(engine, "light", prompt: 5, tokens: 100);
        engine.RunOnce();

        Assert.NotEmpty(first.Ids[0]);
        Assert.NotEmpty(second.Ids[0]);
        Assert.Equal(16, engine.Statistics.Running);
    }

    [Fact]
    public void Flood_OfOneTenant_LeavesBlocksForOthers()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 16, MaxSequences = 16, QueueLength = 100 });
        for (int i = 0; i < 20; i++)
            Submit(engine, "flood", prompt: 40, tokens: 10); // two blocks each
        engine.RunOnce();
        Assert.InRange(engine.Statistics.UsedBlocks, 12, 14);

        RecordedOutput light = Submit(engine, "light", prompt: 40, tokens: 10);
        engine.RunOnce();

        Assert.NotEmpty(light.Ids[0]);
    }

    [Fact]
    public void Memory_ThatRunsOut_IsTakenFromWhoWasServedMost()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 4, StepTokens = 64 });
        RecordedOutput first = Submit(engine, "a", prompt: 30, tokens: 30), second = Submit(engine, "a", prompt: 30, tokens: 30), other = Submit(engine, "b", prompt: 30, tokens: 30);

        RunToEnd(engine);

        // b came last, but a was served twice as much; of a's the later one makes room.
        Assert.Equal((0, 0), (first.Wait().Preemptions, other.Wait().Preemptions));
        Assert.InRange(second.Wait().Preemptions, 1, 10);
        Assert.All((RecordedOutput[])[first, second, other], output => Assert.Equal(30, output.Ids[0].Count));
        BatchEngineTests.AssertWhole(engine);
    }

    [Fact]
    public void Memory_ThatRunsOut_IsTakenFromThePrefixCacheFirst()
    {
        using BatchEngine engine = Engine(new EngineOptions { Blocks = 4 });
        Submit(engine, "a", prompt: 100, tokens: 2, key: "key");
        RunToEnd(engine);
        Assert.Equal(3, engine.Statistics.CachedBlocks);

        RecordedOutput next = Submit(engine, "a", prompt: 60, tokens: 2);
        engine.RunOnce();

        Assert.Single(next.Ids[0]);
        Assert.Equal((2, 2, 0), (engine.Statistics.CachedBlocks, engine.Statistics.UsedBlocks, (int)engine.Statistics.Preemptions));
    }

    [Fact]
    public void Step_OfRunningAnswers_AllocatesNothing()
    {
        using var engine = new BatchEngine(_pack.Pack.Model, null, new EngineOptions { Blocks = 64 }, null, hasThread: false);
        var output = new SilentOutput();
        for (int i = 0; i < 8; i++)
        {
            var settings = new GenerationSettings { MaxTokens = 50, Sampling = new SamplingSettings { Temperature = i % 2, TopK = 10, LogProbabilities = i % 3 == 0 ? 2 : null } };
            engine.TrySubmit(new EngineRequest { Task = _pack.All[i % 4], Prompt = _pack.Prompt(new Random(i), 36), Settings = settings, Tenant = $"tenant {i % 3}" }, output);
        }

        for (int step = 0; step < 6; step++)
            engine.RunOnce(); // all run now, and no memory grows before their 28th token
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 15; step++)
            engine.RunOnce();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.InRange(engine.Statistics.Running, 4, 8);
    }

    [Theory]
    [InlineData(0.001, 200)]  // 200 ms are 200 tokens
    [InlineData(0.004, 50)]
    [InlineData(0.1, 32)]     // never fewer
    [InlineData(0.00001, 256)]
    public void Pace_OfAMeasuredMachine_FitsTheTime(double secondsPerToken, int expected)
    {
        var pace = new PromptPace(256, TimeSpan.FromMilliseconds(200));
        Assert.Equal(256, pace.Tokens(othersWait: true));

        pace.Observe(100, TimeSpan.FromSeconds(100 * secondsPerToken));
        pace.Observe(3, TimeSpan.FromSeconds(5)); // says nothing

        Assert.Equal(expected, pace.Tokens(othersWait: true));
        Assert.Equal(Math.Min(256, Math.Max(32, (int)(0.8 / secondsPerToken))), pace.Tokens(othersWait: false));
    }

    [Fact]
    public void Pace_WithoutATime_IsAlwaysFull()
    {
        var pace = new PromptPace(100, null);
        pace.Observe(100, TimeSpan.FromSeconds(100));

        Assert.Equal(100, pace.Tokens(othersWait: true));
    }

    private static void RunToEnd(BatchEngine engine)
    {
        while (engine.Statistics is { Running: > 0 } or { Waiting: > 0 })
            engine.RunOnce();
    }

    private BatchEngine Engine(EngineOptions options) => new(_pack.Pack.Model, null, options, null, hasThread: false);

    private RecordedOutput Submit(BatchEngine engine, string tenant, int prompt, int tokens, RecordedOutput? output = null, string? key = null)
    {
        output ??= new RecordedOutput();
        var request = new EngineRequest
        {
            Task = _pack.Shared[0],
            Prompt = _pack.Prompt(new Random(prompt), prompt),
            // Drawn evenly among almost all tokens: an end token hardly ever comes.
            Settings = new GenerationSettings { MaxTokens = tokens, Sampling = new SamplingSettings { Temperature = 50, Seed = 1 } },
            Tenant = tenant,
            PrefixKey = key,
        };
        Assert.True(engine.TrySubmit(request, output).IsAccepted);
        return output;
    }

    private sealed class SilentOutput : IEngineOutput
    {
        public void OnStarted(TimeSpan queued)
        {
        }

        public void OnToken(int answer, in GeneratedToken token)
        {
        }

        public void OnRest(int answer, string text)
        {
        }

        public void OnAnswerEnded(int answer, GenerationEnd end)
        {
        }

        public void OnEnded(EngineResult result)
        {
        }
    }
}
