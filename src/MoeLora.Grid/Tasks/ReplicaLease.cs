namespace MoeLora.Grid.Tasks;

/// <summary>A request in a replica, until it is disposed of.</summary>
internal sealed class ReplicaLease(TaskKey key, Action<TaskKey> end) : IDisposable
{
    private Action<TaskKey>? _end = end;

    public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke(key);
}
