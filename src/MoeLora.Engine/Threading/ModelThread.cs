namespace MoeLora.Engine.Threading;

/// <summary>
/// The one thread that drives a device, with a bounded queue of work, first come first served. Work whose cancellation comes
/// while it waits leaves the queue at once and makes room.
/// </summary>
public sealed class ModelThread : IDisposable
{
    private readonly object _lock = new();
    private readonly LinkedList<Item> _waiting = [];
    private readonly int _capacity;
    private readonly Thread _thread;
    private bool _stopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="capacity">Most pieces of work that may wait while one runs.</param>
    /// <param name="onStart">Runs first on the thread: where it pins itself to a core.</param>
    public ModelThread(int capacity, Action? onStart = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _capacity = capacity;
        _thread = new Thread(() => Work(onStart)) { IsBackground = true, Name = "model" };
        _thread.Start();
    }

    /// <summary>Queues work.</summary>
    /// <param name="work">Runs on the thread.</param>
    /// <param name="cancellation">Takes the work out of the queue; work that runs already looks at it itself.</param>
    /// <returns>Completes after the work, fails with its exception, is cancelled when it never ran; null when the queue is full or closed.</returns>
    public Task? TryRun(Action work, CancellationToken cancellation = default)
    {
        var item = new Item(work);
        item.Withdrawal = cancellation.Register(() => Withdraw(item, cancellation));
        lock (_lock)
        {
            if (cancellation.IsCancellationRequested)
                return Task.FromCanceled(cancellation); // the callback may have come before there was anything to withdraw
            if (_stopping || _waiting.Count >= _capacity)
            {
                item.Withdrawal.Unregister();
                return null;
            }

            _waiting.AddLast(item.Node);
            Monitor.Pulse(_lock);
        }

        return item.Completion.Task;
    }

    /// <summary>Takes no more work, cancels what waits, and returns when the running work has ended. Not to be called from the thread itself.</summary>
    public void Dispose()
    {
        Item[] never;
        lock (_lock)
        {
            _stopping = true;
            never = [.. _waiting];
            _waiting.Clear();
            Monitor.Pulse(_lock);
        }

        foreach (Item item in never)
        {
            item.Withdrawal.Unregister();
            item.Completion.TrySetCanceled();
        }

        _thread.Join();
    }

    private void Withdraw(Item item, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (item.Node.List is null)
                return; // it runs or has run
            _waiting.Remove(item.Node);
        }

        item.Completion.TrySetCanceled(cancellation);
    }

    private void Work(Action? onStart)
    {
        onStart?.Invoke();
        while (Next() is { } item)
        {
            try
            {
                item.Work();
                item.Completion.TrySetResult();
            }
            catch (Exception exception)
            {
                item.Completion.TrySetException(exception);
            }

            item.Withdrawal.Dispose();
        }
    }

    private Item? Next()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_stopping)
                    return null;
                Monitor.Wait(_lock);
            }

            Item item = _waiting.First!.Value;
            _waiting.RemoveFirst();
            return item;
        }
    }

    private sealed class Item
    {
        public Item(Action work)
        {
            Work = work;
            Node = new LinkedListNode<Item>(this);
        }

        public Action Work { get; }

        public LinkedListNode<Item> Node { get; }

        public TaskCompletionSource Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenRegistration Withdrawal { get; set; }
    }
}
