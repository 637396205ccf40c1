namespace MoeLora.Grid.Tasks;

/// <summary>A request in a replica. Dispose of it when its answer has ended, however it did.</summary>
internal sealed class ReplicaLease(TaskKey key, Action<TaskKey> end) : IDisposable
{
    private Action<TaskKey>? _end = end;

    /// <summary>The task grain that answers.</summary>
    public TaskKey Key { get; } = key;

    public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke(Key);
}
