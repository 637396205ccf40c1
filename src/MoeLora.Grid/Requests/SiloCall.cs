using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>
/// One call of a task grain. It ends when its silo leaves the cluster: a client outside is told of no silo's death, and would wait until the call's time is over. Used by
/// one caller.
/// </summary>
internal sealed class SiloCall
{
    private readonly IDisposable _lease;
    private readonly SiloBoard _board;
    private readonly CancellationTokenSource _over;
    private readonly IAsyncEnumerator<AnswerPart> _parts;
    private CancellationTokenRegistration _watch;
    private Task _next = Task.CompletedTask;

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

    /// <summary>What came last.</summary>
    public AnswerPart Current => _parts.Current;

    /// <summary>Ends the call when this silo leaves: the one that is known, or thought, to answer. Null where it is not known.</summary>
    public void Watch(string? silo)
    {
        _watch.Unregister();
        _watch = silo is null ? default : _board.Presence(silo).UnsafeRegister(over => ((CancellationTokenSource)over!).Cancel(), _over);
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
        _next = waiting;
        return new ValueTask<bool>(waiting.WaitAsync(_over.Token));
    }

    /// <summary>Ends it. Nobody waits for that: the way may lead to a silo that stands still.</summary>
    public void Leave()
    {
        _lease.Dispose();
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
