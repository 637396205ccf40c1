namespace MoeLora.Serving.Tests;

/// <summary>
/// A clock that stops the model's thread whenever that asks for the time, which it does at the start of each request, until the
/// gate is opened: tests decide what waits and what runs, without sleeping.
/// </summary>
internal sealed class GatedTime : TimeProvider, IDisposable
{
    private readonly ManualResetEventSlim _gate = new(true);
    private readonly SemaphoreSlim _arrivals = new(0);

    public void Close() => _gate.Reset();

    public void Open() => _gate.Set();

    /// <summary>Completes when the model's thread stands at the closed gate.</summary>
    public Task ArrivalAsync() => _arrivals.WaitAsync(TimeSpan.FromMinutes(5));

    public override long GetTimestamp()
    {
        if (Thread.CurrentThread.Name == "engine" && !_gate.IsSet)
        {
            _arrivals.Release();
            _gate.Wait(TimeSpan.FromSeconds(20));
        }

        return base.GetTimestamp();
    }

    public void Dispose()
    {
        Open();
        _gate.Dispose();
        _arrivals.Dispose();
    }
}
