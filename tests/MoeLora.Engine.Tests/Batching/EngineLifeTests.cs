using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>How requests come and go, and how an engine ends.</summary>
public sealed class EngineLifeTests : IDisposable
{
    private static readonly int[] Answer = [296, 220, 87, 265, 3, 259, 265, 164, 2]; // of task 4

    private readonly EnginePack _pack = new(Pack.Llama);
    private readonly BatchEngine _engine;
    private readonly TaskModel _task;

    public EngineLifeTests()
    {
        _engine = _pack.Engine();
        _task = TaskModel.Shared(_pack.Pack.Model, _pack.Pack.Bank.Deltas, _pack.Pack.Adapter.GateRows(_pack.Pack.Adapter.RequireTask("4")));
    }

    public void Dispose()
    {
        _engine.Dispose();
        _pack.Dispose();
    }

    [Fact]
    public void Cancellation_OfARunningRequest_EndsItAndFreesItsBlocks()
    {
        using var cancellation = new CancellationTokenSource();
        var output = new RecordedOutput(onToken: count =>
        {
            if (count == 3)
                cancellation.Cancel();
        });

        _engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 50 }), output, cancellation.Token);

        Assert.Equal([GenerationEnd.Cancelled], output.Wait().Ends);
        Assert.Equal(Answer[..3], output.Ids[0]);
        BatchEngineTests.AssertWhole(_engine);
    }

    [Fact]
    public void Cancellation_Before_NeverStarts()
    {
        var output = new RecordedOutput();

        Assert.True(_engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 50 }), output, new CancellationToken(true)).IsAccepted);

        Assert.Equal([GenerationEnd.Cancelled], output.Wait().Ends);
        Assert.False(output.Started.IsCompleted);
        BatchEngineTests.AssertWhole(_engine);
    }

    [Fact]
    public async Task Cancellation_OfAWaitingRequest_MakesRoomInTheQueueAtOnce()
    {
        using BatchEngine engine = _pack.Engine(new EngineOptions { Blocks = 64, QueueLength = 1, TenantQueueLength = 1 });
        using var gate = new ManualResetEventSlim();
        Task work = await OccupyAsync(engine, gate);
        using var cancellation = new CancellationTokenSource();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 2 });
        var cancelled = new RecordedOutput();
        var next = new RecordedOutput();
        Assert.True(engine.TrySubmit(request, cancelled, cancellation.Token).IsAccepted);
        SubmitResult full = engine.TrySubmit(request, next);
        Assert.Equal(SubmitStatus.QueueFull, full.Status);
        Assert.Equal("1 requests wait already; at most 1 may.", full.Problem);

        cancellation.Cancel();

        Assert.True(engine.TrySubmit(request, next).IsAccepted); // though the thread is still busy
        gate.Set();
        await work;
        Assert.Equal([GenerationEnd.Cancelled], cancelled.Wait().Ends);
        Assert.Equal([GenerationEnd.MaxTokens], next.Wait().Ends);
    }

    [Fact]
    public async Task Submit_ByOneTenant_LeavesRoomInTheQueueForOthers()
    {
        using BatchEngine engine = _pack.Engine(new EngineOptions { Blocks = 64, QueueLength = 8 });
        using var gate = new ManualResetEventSlim();
        Task work = await OccupyAsync(engine, gate);
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 2 });
        List<RecordedOutput> outputs = [];
        SubmitStatus Submit(string tenant)
        {
            var output = new RecordedOutput();
            SubmitStatus status = engine.TrySubmit(request with { Tenant = tenant }, output).Status;
            if (status == SubmitStatus.Accepted)
                outputs.Add(output);
            return status;
        }

        SubmitStatus[] flood = [.. Enumerable.Range(0, 20).Select(_ => Submit("a"))];
        SubmitStatus other = Submit("b");

        Assert.Equal(4, flood.Count(status => status == SubmitStatus.Accepted));
        Assert.All(flood[4..], status => Assert.Equal(SubmitStatus.QueueFull, status));
        Assert.Equal(SubmitStatus.Accepted, other);
        gate.Set();
        await work;
        Assert.All(outputs, output => Assert.Equal([GenerationEnd.MaxTokens], output.Wait().Ends));
    }

    [Fact]
    public void Submit_OfWhatNeverFits_SaysTheNumbers()
    {
        using BatchEngine engine = _pack.Engine(new EngineOptions { Blocks = 4, MaxSequences = 4 });
        var output = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 119 }); // 10 + 118 positions are 4 blocks

        SubmitResult fits = engine.TrySubmit(request, output);
        SubmitResult blocks = engine.TrySubmit(request with { Settings = new GenerationSettings { MaxTokens = 120 } }, output);
        SubmitResult answers = engine.TrySubmit(request with { Answers = 2 }, output);
        SubmitResult sequences = engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 2 }) with { Answers = 5 }, output);
        SubmitResult positions = engine.TrySubmit(request with { Settings = new GenerationSettings { MaxTokens = 248 } }, output);

        Assert.True(fits.IsAccepted);
        Assert.Equal(SubmitStatus.NeverFits, blocks.Status);
        Assert.Equal("1 answers to a prompt of 10 tokens with 120 more need 5 blocks of 32 positions; there are 4.", blocks.Problem);
        Assert.Equal("2 answers to a prompt of 10 tokens with 119 more need 8 blocks of 32 positions; there are 4.", answers.Problem);
        Assert.Equal("5 answers are more than the 4 sequences that run at once.", sequences.Problem);
        Assert.Equal("A prompt of 10 tokens and 248 more exceed the 256 positions of the model.", positions.Problem);
        Assert.Equal([GenerationEnd.EndToken], output.Wait().Ends);
    }

    [Fact]
    public void Submit_OfWhatCannotBeUsed_IsRefused()
    {
        using var engine = new BatchEngine(_pack.Pack.Model, null, new EngineOptions());
        var output = new RecordedOutput();

        Assert.Throws<ArgumentException>(() => engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 2 }) with { Prompt = [] }, output));
        Assert.Throws<ArgumentException>(() => engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 2 }) with { Prompt = [320] }, output));
        Assert.Throws<ArgumentException>(() => engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 2, Stop = ["a"] }), output));
        Assert.Throws<ArgumentException>(() => engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 2, StopTokens = [320] }), output));
    }

    [Fact]
    public async Task Stop_LetsWhatWasTakenEndAndTakesNoMore()
    {
        var output = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });
        _engine.TrySubmit(request, output);

        await _engine.StopAsync();

        Assert.True(output.Ended.IsCompleted);
        Assert.Equal([GenerationEnd.EndToken], output.Wait().Ends);
        Assert.Equal(SubmitStatus.Stopping, _engine.TrySubmit(request, output).Status);
        bool ran = false;
        await _engine.RunAsync(() => ran = true);
        Assert.True(ran);
    }

    [Fact]
    public async Task Stop_Forced_EndsWhatRunsAndWhatWaits()
    {
        using BatchEngine engine = _pack.Engine(new EngineOptions { Blocks = 64, MaxSequences = 1 });
        using var force = new CancellationTokenSource();
        var running = new RecordedOutput(onToken: _ => force.Cancel());
        var waiting = new RecordedOutput();
        var request = new EngineRequest { Task = _task, Prompt = _pack.Prompt(new Random(3), 20), Settings = new GenerationSettings { MaxTokens = 200 } };
        using var gate = new ManualResetEventSlim();
        Task work = await OccupyAsync(engine, gate);
        engine.TrySubmit(request, running);
        engine.TrySubmit(request, waiting);
        Task stopping = engine.StopAsync(force.Token);

        gate.Set();

        await Task.WhenAll(work, stopping).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Equal([GenerationEnd.Stopped], running.Wait().Ends);
        Assert.Equal([GenerationEnd.Stopped], waiting.Wait().Ends);
        Assert.False(waiting.Started.IsCompleted);
        BatchEngineTests.AssertWhole(engine);
    }

    [Fact]
    public async Task Dispose_EndsWhatRunsAndCancelsWork()
    {
        BatchEngine engine = _pack.Engine();
        using var gate = new ManualResetEventSlim();
        Task running = await OccupyAsync(engine, gate);
        var output = new RecordedOutput();
        engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 50 }), output);
        Task never = engine.RunAsync(() => { });

        Task disposing = Task.Run(engine.Dispose);
        while (engine.TrySubmit(Request(new GenerationSettings { MaxTokens = 1 }), new RecordedOutput()).Status != SubmitStatus.Stopping)
            await Task.Yield();
        gate.Set();

        await Task.WhenAll(running, disposing).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Equal([GenerationEnd.Stopped], output.Wait().Ends);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.RunAsync(() => { }));
    }

    [Fact]
    public async Task Work_ThatThrows_FailsItsTaskOnly()
    {
        await Assert.ThrowsAsync<FormatException>(() => _engine.RunAsync(() => throw new FormatException()));
        Assert.Equal([GenerationEnd.MaxTokens], Run(new GenerationSettings { MaxTokens = 2 }).Wait().Ends);
    }

    /// <summary>Returns when the engine's thread is busy, until the gate opens.</summary>
    private static async Task<Task> OccupyAsync(BatchEngine engine, ManualResetEventSlim gate)
    {
        var busy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task work = engine.RunAsync(() =>
        {
            busy.SetResult();
            gate.Wait(TimeSpan.FromSeconds(60));
        });
        await busy.Task.WaitAsync(TimeSpan.FromMinutes(5));
        return work;
    }

    private EngineRequest Request(GenerationSettings settings) => new() { Task = _task, Prompt = _pack.Pack.Prompt, Settings = settings };

    private RecordedOutput Run(GenerationSettings settings)
    {
        var output = new RecordedOutput();
        Assert.True(_engine.TrySubmit(Request(settings), output).IsAccepted);
        return output;
    }
}
