using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>
/// One call of a task grain. It ends when its silo leaves the cluster: a client outside is told of no silo's death, and would wait until the call's time is over. It ends
/// too when another silo leaves and nothing comes any more: that may have been the way to it. Used by one caller.
/// </summary>
internal sealed class SiloCall
{
    private static readonly TimeSpan LongestDoubt = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly IDisposable _lease;
    private readonly SiloBoard _board;
    private readonly CancellationTokenSource _over;
    private readonly IAsyncEnumerator<AnswerPart> _parts;
    private CancellationTokenRegistration _watch;
    private Task _next = Task.CompletedTask;
    private bool _isLeft;

    /// <param name="grain">Who is asked.</param>
    /// <param name="request">What.</param>
    /// <param name="lease">Counts the call until it is left.</param>
    /// <param name="board">Which silos are there.</param>
    /// <param name="ended">Ends the call.</param>
    public SiloCall(ITaskGrain grain, RequestMessage request, IDisposable lease, SiloBoard board, CancellationToken ended)
    {
        (_lease, _board) = (lease, board);
        _over = CancellationTokenSource.CreateLinkedTokenSource(ended);
        _parts = grain.GenerateAsync(request, _over.Token).GetAsyncEnumerator(_over.Token);
    }

    /// <summary>Whether it was ended although its silo was there, because nothing came any more when another one had left.</summary>
    public bool WasDoubted { get; private set; }

    /// <summary>What came last.</summary>
    public AnswerPart Current => _parts.Current;

    /// <summary>Ends the call when this silo leaves: the one that is known, or thought, to answer. Null where it is not known.</summary>
    public void Watch(string? silo)
    {
        lock (_lock)
        {
            _watch.Unregister();
            _watch = silo is null || _isLeft ? default : _board.Presence(silo).UnsafeRegister(_ => _ = Task.Run(() => EndUnlessThereAsync(silo)), null);
        }
    }

    private async Task EndUnlessThereAsync(string silo)
    {
        if (_board.Presence(silo).CanBeCanceled)
        {
            Watch(silo);
            // What comes soon shows that it still comes.
            Task next = Volatile.Read(ref _next);
            if (await Task.WhenAny(next, Task.Delay(LongestDoubt)) == next)
                return;
            WasDoubted = _board.Presence(silo).CanBeCanceled;
        }

        lock (_lock)
        {
            if (!_isLeft)
                _ = _over.CancelAsync();
        }
    }

    /// <summary>Waits for the next part.</summary>
    /// <returns>False after the last.</returns>
    /// <exception cref="OperationCanceledException">The call was ended, or its silo has left.</exception>
    public ValueTask<bool> MoveNextAsync()
    {
        ValueTask<bool> next = _parts.MoveNextAsync();
        if (next.IsCompleted)
            return next;
        Task<bool> waiting = next.AsTask();
        Volatile.Write(ref _next, waiting);
        return new ValueTask<bool>(waiting.WaitAsync(_over.Token));
    }

    /// <summary>Ends it. Nobody waits for that: the way may lead to a silo that stands still.</summary>
    public void Leave()
    {
        _lease.Dispose();
        lock (_lock)
            _isLeft = true;
        _ = LeaveAsync();
    }

    private async Task LeaveAsync()
    {
        await _watch.DisposeAsync();
        await _over.CancelAsync();
        await _next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // A silo that is gone need not be told.
        await _parts.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _over.Dispose();
    }
}
