using MoeLora.Engine.Threading;

namespace MoeLora.Engine.Tests.Threading;

public sealed class ModelThreadTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Work_OfMany_RunsInOrderOnOneThread()
    {
        int? starter = null;
        using var thread = new ModelThread(10, () => starter = Environment.CurrentManagedThreadId);
        var order = new List<int>();
        var threads = new HashSet<int>();

        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => thread.TryRun(() =>
        {
            order.Add(i);
            threads.Add(Environment.CurrentManagedThreadId);
        })!)).WaitAsync(Patience);

        Assert.Equal(Enumerable.Range(0, 10), order);
        Assert.Equal([starter!.Value], threads);
    }

    [Fact]
    public async Task Work_BeyondTheQueue_IsRefused()
    {
        using var thread = new ModelThread(2);
        using var gate = new ManualResetEventSlim();
        Task running = await Occupy(thread, gate);

        Task? first = thread.TryRun(() => { });
        Task? second = thread.TryRun(() => { });

        Assert.NotNull(first);
        Assert.NotNull(second);
        Assert.Null(thread.TryRun(() => { }));
        gate.Set();
        await Task.WhenAll(running, first, second).WaitAsync(Patience);
        Assert.NotNull(thread.TryRun(() => { }));
    }

    [Fact]
    public async Task Work_CancelledWhileWaiting_MakesRoomAndNeverRuns()
    {
        using var thread = new ModelThread(1);
        using var gate = new ManualResetEventSlim();
        using var cancellation = new CancellationTokenSource();
        Task running = await Occupy(thread, gate);
        bool ran = false;
        Task waiting = thread.TryRun(() => ran = true, cancellation.Token)!;
        Assert.Null(thread.TryRun(() => { }));

        cancellation.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Patience));
        Task? next = thread.TryRun(() => { });
        Assert.NotNull(next);
        gate.Set();
        await Task.WhenAll(running, next).WaitAsync(Patience);
        Assert.False(ran);
    }

    [Fact]
    public async Task Work_CancelledBefore_NeverRuns()
    {
        using var thread = new ModelThread(1);

        Task task = thread.TryRun(() => { }, new CancellationToken(true))!;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.WaitAsync(Patience));
    }

    [Fact]
    public async Task Work_ThatThrows_FailsItsTaskOnly()
    {
        using var thread = new ModelThread(2);

        Task failing = thread.TryRun(() => throw new FormatException())!;
        Task next = thread.TryRun(() => { })!;

        await Assert.ThrowsAsync<FormatException>(() => failing.WaitAsync(Patience));
        await next.WaitAsync(Patience);
    }

    [Fact]
    public async Task Dispose_WithWorkWaiting_FinishesTheRunningAndCancelsTheRest()
    {
        var thread = new ModelThread(2);
        using var gate = new ManualResetEventSlim();
        Task running = await Occupy(thread, gate);
        Task waiting = thread.TryRun(() => { })!;

        Task disposing = Task.Run(thread.Dispose);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Patience));
        Assert.Null(thread.TryRun(() => { }));
        gate.Set();

        await Task.WhenAll(running, disposing).WaitAsync(Patience);
    }

    /// <summary>Returns when the thread is busy, until the gate opens.</summary>
    private static async Task<Task> Occupy(ModelThread thread, ManualResetEventSlim gate)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task running = thread.TryRun(() =>
        {
            started.SetResult();
            gate.Wait(Patience);
        })!;
        await started.Task.WaitAsync(Patience);
        return running;
    }
}
