using System.Runtime.CompilerServices;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Answers anything, sometimes without end, and counts the answers that nobody ended.</summary>
internal sealed class FuzzGrid : IModelGrid
{
    private readonly Lock _lock = new();
    private int _open;
    private TaskCompletionSource? _empty;

    public GridStatus Status { get; } = new(GridPhase.Ready, "ready");

    /// <summary>Answers that were begun.</summary>
    public int Begun { get; private set; }

    /// <summary>Requests that reached the grid although they are wrong by themselves.</summary>
    public int Wrong { get; private set; }

    /// <summary>Completes when no answer is open.</summary>
    public Task EmptyAsync()
    {
        lock (_lock)
            return _open == 0 ? Task.CompletedTask : (_empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
    }

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<ModelDescription>>.Success([]));

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        new(new GridError(GridErrorKind.ModelNotFound, "There is no such task."));

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        var lease = new Lease(this);
        lock (_lock)
        {
            Begun++;
            _open++;
            if (request.FindProblems().Count > 0)
                Wrong++;
        }

        if (request.MaxTokens % 7 == 3)
        {
            lease.End();
            return new(new GridError(GridErrorKind.QueueFull, "The queue is full."));
        }

        cancellation.Register(lease.End); // a caller that never reads must cancel
        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(Stream(request, lease, cancellation)));
    }

    private static async IAsyncEnumerable<GenerationEvent> Stream(GenerationRequest request, Lease lease, [EnumeratorCancellation] CancellationToken cancellation)
    {
        try
        {
            bool endless = request.Seed < 0; // only clients that leave ask for these
            for (int i = 0; endless || i < Math.Min(request.MaxTokens, 8); i++)
            {
                await Task.Yield();
                cancellation.ThrowIfCancellationRequested();
                yield return new TokenChunk("词\n", [i], i % request.Answers);
                if (endless && i > 50)
                    await Task.Delay(Timeout.Infinite, cancellation); // only a client that leaves ends this one
            }

            if (request.MaxTokens % 11 == 1)
                yield return new GenerationFailed(new GridError(GridErrorKind.Stopping, "Stopping."));
            else
                yield return new GenerationFinished([.. Enumerable.Repeat(FinishReason.Stop, request.Answers)], new TokenUsage(1, 8), default, FakeGrid.Provenance);
        }
        finally
        {
            lease.End();
        }
    }

    private sealed class Lease(FuzzGrid grid)
    {
        private int _ended;

        public void End()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 1)
                return;
            lock (grid._lock)
            {
                if (--grid._open == 0)
                    grid._empty?.TrySetResult();
            }
        }
    }
}
