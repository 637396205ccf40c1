using MoeLora.Adapters;
using MoeLora.Engine.Batching;

namespace MoeLora.Serving.Bases;

/// <summary>
/// Runs long work that comes in short pieces on an engine's thread, beside the answers that run: between two steps as many pieces as fit a quarter of the time. The
/// work itself goes on there too, so that a piece costs no change of threads.
/// </summary>
/// <param name="engine">Whose thread.</param>
/// <param name="time">Measures steps and slices.</param>
public sealed class DeviceSlices(BatchEngine engine, TimeProvider time)
{
    // Work takes one part where steps took three: no gap between two tokens grows by more than a third of itself, or this.
    private const int StepParts = 3;
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(100);

    private int _thread; // whose slice it is now; 0 between slices
    private long _ended; // when the last slice was over
    private long _until;

    /// <summary>Runs work whose pieces all go through the given turn. What it does between them must be short and must not wait for anything else.</summary>
    public async Task<T> RunAsync<T>(Func<DeviceTurn, Task<T>> work) =>
        await work(Turn).ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // what follows is not the engine's business

    private Task Turn(Action piece)
    {
        if (Environment.CurrentManagedThreadId == Volatile.Read(ref _thread) && time.GetTimestamp() < _until)
        {
            piece();
            return Task.CompletedTask;
        }

        var done = new TaskCompletionSource(); // its continuation is the rest of the work, and runs in this slice
        long since = time.GetTimestamp();
        Task posted = engine.RunAsync(() => Slice(piece, done, since));
        posted.ContinueWith(task => done.TrySetException(task.Exception!.InnerExceptions), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        posted.ContinueWith(_ => done.TrySetCanceled(), CancellationToken.None, TaskContinuationOptions.OnlyOnCanceled, TaskScheduler.Default);
        return done.Task;
    }

    private void Slice(Action piece, TaskCompletionSource done, long since)
    {
        // What it waited for is the step that ran. Not the time since the last slice: after a pause that would be many steps, and this slice as long as all of them.
        long now = time.GetTimestamp();
        TimeSpan step = time.GetElapsedTime(Math.Max(since, _ended), now);
        TimeSpan room = TimeSpan.FromTicks(Math.Clamp(step.Ticks / StepParts, Shortest.Ticks, Longest.Ticks));
        _until = now + (long)(room.TotalSeconds * time.TimestampFrequency);
        Volatile.Write(ref _thread, Environment.CurrentManagedThreadId);
        try
        {
            Exception? failure = null;
            try
            {
                piece();
            }
            catch (Exception e)
            {
                failure = e;
            }

            if (failure is null)
                done.TrySetResult();
            else
                done.TrySetException(failure);
        }
        finally
        {
            Volatile.Write(ref _thread, 0);
            _ended = time.GetTimestamp();
        }
    }
}
