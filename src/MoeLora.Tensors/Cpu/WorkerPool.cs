using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>Work that every worker of a <see cref="WorkerPool"/> executes once, at the same time.</summary>
internal interface IParallelJob
{
    /// <param name="pool">For <see cref="WorkerPool.Take"/> and <see cref="WorkerPool.Barrier"/>.</param>
    /// <param name="worker">0 … Threads − 1; 0 is the thread that called Run.</param>
    void Execute(WorkerPool pool, int worker);
}

/// <summary>
/// Persistent threads, one per core, that execute one job at a time. A job is some tens of microseconds, so workers
/// spin for the next one for a while before they block, and nothing is allocated.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>Independent counters for <see cref="Take"/>.</summary>
    public const int Slots = 4;

    private const int LineInts = 16; // one cache line each, so that no two counters share one
    private const int SpinMicroseconds = 100;

    private readonly Thread[] _workers;
    private readonly object _sleep = new(); // a monitor, for Wait and PulseAll
    private readonly NativeBuffer _lines = new((6 + Slots) * LineInts * sizeof(int));
    private readonly int _spinsBeforeYield;
    private readonly bool _pins;

    // Each on its own cache line.
    private readonly int* _generation; // incremented by Run: a new job is there
    private readonly int* _running; // workers that have not finished the job
    private readonly int* _arrived; // at the barrier
    private readonly int* _barrierGeneration;
    private readonly int* _busy; // 1 while Run is inside
    private readonly int* _sleepers;
    private readonly int* _counters;

    private void* _job;
    private delegate*<void*, WorkerPool, int, void> _execute;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    /// <summary>Starts <paramref name="threads"/> − 1 pinned background threads; the caller of Run is the first worker.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Threads = threads;
        // With more threads than cores the one that is waited for may not be running at all.
        _spinsBeforeYield = threads > CoreAffinity.Count ? 16 : 4096;
        // Whoever takes fewer threads than there are cores leaves room for others, who may be several of these: pinned, all would choose the same cores.
        _pins = threads >= CoreAffinity.Count;
        int* line = (int*)_lines.Pointer;
        _generation = line;
        _running = line + LineInts;
        _arrived = line + 2 * LineInts;
        _barrierGeneration = line + 3 * LineInts;
        _busy = line + 4 * LineInts;
        _sleepers = line + 5 * LineInts;
        _counters = line + 6 * LineInts;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int worker = i + 1;
            _workers[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"tensors {worker}" };
            _workers[i].Start();
        }
    }

    /// <summary>Workers, the caller included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Pins the calling thread to the first allowed core where there is a worker for each. For a thread that does nothing but drive the pool, and never the
    /// process's main thread: the runtime gives every new thread the main thread's cores.
    /// </summary>
    public void PinCaller() => Pin(0);

    /// <summary>Executes <paramref name="job"/> on all workers and returns when all have finished.</summary>
    /// <exception cref="InvalidOperationException">A job is running already, from another thread or from inside a job.</exception>
    /// <remarks>The first exception of any worker is thrown here, after all have finished.</remarks>
    public void Run<TJob>(ref TJob job)
        where TJob : struct, IParallelJob
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (Interlocked.Exchange(ref *_busy, 1) != 0)
            throw new InvalidOperationException("The worker pool runs one job at a time: a device is driven by one thread.");
        for (int slot = 0; slot < Slots; slot++)
            _counters[slot * LineInts] = 0;
        try
        {
            if (Threads == 1)
            {
                job.Execute(this, 0);
                return;
            }
#pragma warning disable CS8500 // The job outlives the call, and a job that holds references keeps them in the caller's frame.
            fixed (TJob* address = &job)
#pragma warning restore CS8500
            {
                Start(address, &Trampoline<TJob>);
                Guarded(0);
                AwaitWorkers();
            }
            if (_failure is { } failure)
            {
                _failure = null;
                ExceptionDispatchInfo.Throw(failure);
            }
        }
        finally
        {
            Volatile.Write(ref *_busy, 0);
        }
    }

    /// <summary>The next number of counter <paramref name="slot"/>, from 0 on; Run starts all counters again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Take(int slot = 0) => Interlocked.Increment(ref _counters[slot * LineInts]) - 1;

    /// <summary>Returns when every worker of the running job has called it. All workers must call it equally often.</summary>
    public void Barrier()
    {
        if (Threads == 1)
            return;
        int generation = Volatile.Read(ref *_barrierGeneration);
        if (Interlocked.Increment(ref *_arrived) == Threads)
        {
            *_arrived = 0;
            Volatile.Write(ref *_barrierGeneration, generation + 1);
            return;
        }
        int spins = 0;
        while (Volatile.Read(ref *_barrierGeneration) == generation)
        {
            if (_failure != null)
                throw new JobAbandonedException();
            Pause(ref spins);
        }
    }

    /// <summary>Stops the threads. Must not be called while a job runs.</summary>
    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        Publish();
        foreach (Thread worker in _workers)
            worker.Join();
        _lines.Dispose();
    }

    private static void Trampoline<TJob>(void* job, WorkerPool pool, int worker)
        where TJob : struct, IParallelJob
        => Unsafe.AsRef<TJob>(job).Execute(pool, worker);

    private void Start(void* job, delegate*<void*, WorkerPool, int, void> execute)
    {
        _job = job;
        _execute = execute;
        *_arrived = 0;
        *_running = Threads - 1;
        Publish();
    }

    /// <summary>Makes the new generation visible, then wakes whoever sleeps.</summary>
    private void Publish()
    {
        Interlocked.Increment(ref *_generation);
        if (Volatile.Read(ref *_sleepers) == 0)
            return;
        lock (_sleep)
            Monitor.PulseAll(_sleep);
    }

    private void Pin(int worker)
    {
        if (_pins)
            CoreAffinity.PinCaller(worker);
    }

    private void Work(int worker)
    {
        Pin(worker);
        int seen = 0;
        while (true)
        {
            seen = AwaitJob(seen);
            if (_stopping)
                return;
            Guarded(worker);
            Interlocked.Decrement(ref *_running);
        }
    }

    /// <summary>Executes the job. A failure is kept for Run, and frees whoever waits at the barrier.</summary>
    private void Guarded(int worker)
    {
        try
        {
            _execute(_job, this, worker);
        }
        catch (JobAbandonedException)
        {
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
        }
    }

    private int AwaitJob(int seen)
    {
        long deadline = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 1_000_000 * SpinMicroseconds;
        int spins = 0;
        while (true)
        {
            int generation = Volatile.Read(ref *_generation);
            if (generation != seen)
                return generation;
            Pause(ref spins);
            if (spins % 64 == 0 && Stopwatch.GetTimestamp() > deadline)
                break;
        }
        lock (_sleep)
        {
            // A full fence between announcing the sleep and looking again; Publish does the same the other way round.
            Interlocked.Increment(ref *_sleepers);
            while (Volatile.Read(ref *_generation) == seen)
                Monitor.Wait(_sleep);
            Interlocked.Decrement(ref *_sleepers);
            return *_generation;
        }
    }

    private void AwaitWorkers()
    {
        int spins = 0;
        while (Volatile.Read(ref *_running) != 0)
            Pause(ref spins);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Pause(ref int spins)
    {
        spins++;
        if (spins % _spinsBeforeYield == 0)
            Thread.Yield();
        else if (X86Base.IsSupported)
            X86Base.Pause();
        else
            Thread.SpinWait(1);
    }

    /// <summary>Thrown at the barrier when another worker has failed; never leaves the pool.</summary>
    private sealed class JobAbandonedException : Exception;
}
