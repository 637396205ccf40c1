namespace MoeLora.Gateway.Hosting;

/// <summary>The end of a gateway: new answers are refused, running ones go on until they are done or forced to end.</summary>
internal sealed class Drain : IDisposable
{
    private readonly CancellationTokenSource _forced = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private bool _draining;
    private int _running;

    /// <summary>Whether new answers are refused.</summary>
    public bool IsDraining => Volatile.Read(ref _draining);

    /// <summary>Cancelled when running answers may go on no longer.</summary>
    public CancellationToken Forced => _forced.Token;

    /// <summary>Counts an answer in; false where it must be refused.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_draining)
                return false;
            _running++;
            return true;
        }
    }

    /// <summary>Counts an answer out.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (--_running == 0 && _draining)
                _empty.TrySetResult();
        }
    }

    /// <summary>Refuses new answers from now on, and waits until the last one is done.</summary>
    /// <param name="deadline">After which they are ended.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends them at once.</param>
    public async Task RunAsync(TimeSpan deadline, TimeProvider time, CancellationToken cancellation)
    {
        lock (_lock)
        {
            _draining = true;
            if (_running == 0)
                _empty.TrySetResult();
        }

        try
        {
            await _empty.Task.WaitAsync(deadline, time, cancellation);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            await _forced.CancelAsync();
            await _empty.Task;
        }
    }

    public void Dispose() => _forced.Dispose();
}
