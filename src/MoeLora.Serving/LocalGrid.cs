using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Engine.Threading;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Tasks;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Serving;

/// <summary>
/// A grid of one process: one base model and at most one adapter on this machine's processor. Requests run one at a time, first come
/// first served. Make it, <see cref="LoadAsync"/>, use it, <see cref="StopAsync"/>, dispose of it.
/// </summary>
public sealed class LocalGrid : IModelGrid, IAsyncDisposable
{
    private readonly LocalGridOptions _options;
    private readonly TimeProvider _time;
    private readonly CpuDevice _device;
    private readonly ModelThread _thread;
    private readonly CancellationTokenSource _forced = new();
    private readonly CancellationToken _force; // outlives its source: a request may arrive while the grid is being disposed of
    private readonly ConcurrentDictionary<GenerationJob, Task> _running = new();
    private readonly object _phaseLock = new();
    private volatile GridStatus _status;
    private volatile LoadedModel? _loaded;
    private int _loads;
    private int _disposals;

    /// <summary>Checks the options and starts the threads. Reads no file yet.</summary>
    /// <exception cref="ArgumentException">Options do not fit each other; it lists all problems.</exception>
    public LocalGrid(LocalGridOptions options, TimeProvider? time = null)
    {
        options.Validate();
        _options = options;
        _force = _forced.Token;
        _time = time ?? TimeProvider.System;
        _status = new GridStatus(GridPhase.Loading, $"Loading {options.ModelName}.");
        _device = new CpuDevice(options.Threads);
        _thread = new ModelThread(options.QueueLength, _device.PinThread);
    }

    /// <inheritdoc/>
    public GridStatus Status => _status;

    /// <summary>Reads everything and becomes ready. To be called once.</summary>
    /// <param name="progress">Told on another thread.</param>
    /// <param name="cancellation">Gives up; the grid can only be disposed of then.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">The model or its tokenizer cannot be used.</exception>
    /// <exception cref="Adapters.AdapterException">The adapter cannot be used, or not with this model; it lists all mismatches.</exception>
    /// <exception cref="UnknownTaskException">A task to merge is not one of the adapter.</exception>
    public async Task LoadAsync(IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        if (Interlocked.Increment(ref _loads) > 1)
            throw new InvalidOperationException("A grid is loaded once.");
        void Report(GridLoading loading)
        {
            Enter(GridPhase.Loading, $"Loading {_options.ModelName}: {loading}.");
            progress?.Report(loading);
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _force);
        try
        {
            Task work = _thread.TryRun(() => _loaded = new GridLoader(_options, _device, _time, Report, either.Token).Load(), either.Token)
                ?? throw new ObjectDisposedException(nameof(LocalGrid));
            await work;
            Enter(GridPhase.Ready, $"Serving {_options.ModelName}.");
        }
        catch
        {
            Enter(GridPhase.Failed, $"Loading {_options.ModelName} failed; the server knows why.");
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(Ready(out LoadedModel? loaded) is { } error ? error : GridResult<IReadOnlyList<ModelDescription>>.Success(loaded!.Catalog.Descriptions));

    /// <inheritdoc/>
    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        if (Ready(out LoadedModel? loaded) is { } notReady)
            return new(notReady);
        return new(loaded!.Catalog.Find(model).TryGet(out ServedTask? task, out GridError? error)
            ? GridResult<ModelDescription>.Success(task.Description)
            : error);
    }

    /// <inheritdoc/>
    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (Ready(out LoadedModel? loaded) is { } notReady)
            return new(notReady);
        if (!new Admission(loaded!, _options).Admit(request).TryGet(out AdmittedRequest? admitted, out GridError? error))
            return new(error);

        var job = new GenerationJob(loaded!, admitted, _time, cancellation, _force);
        lock (_phaseLock)
        {
            // Under the lock, so that StopAsync misses no job.
            if (Ready(out _) is { } stopping)
                return new(Refuse(job, stopping));
            if (_thread.TryRun(job.Run, job.Cancellation) is not { } work)
            {
                return new(Refuse(job, new GridError(GridErrorKind.QueueFull,
                    $"{_options.QueueLength} requests wait already. Try again in a moment.", RetryAfter: TimeSpan.FromSeconds(1))));
            }

            Task observed = ObserveAsync(job, work);
            _running[job] = observed;
            observed.ContinueWith(_ => _running.TryRemove(job, out Task? _), TaskScheduler.Default);
        }

        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(job.ReadAsync()));
    }

    /// <summary>Refuses new requests and waits for those that are running or waiting.</summary>
    /// <param name="force">Ends them early, each with an error that says so.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        Enter(GridPhase.Stopping, "Stopping: running requests finish, new ones are refused.");
        Task all = Task.WhenAll(_running.Values);
        try
        {
            await all.WaitAsync(force);
        }
        catch (OperationCanceledException) when (force.IsCancellationRequested)
        {
            await _forced.CancelAsync();
            await all;
        }
    }

    /// <summary>Ends all requests early and frees the model.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await _forced.CancelAsync();
        await StopAsync();
        if (_thread.TryRun(() => _loaded?.Dispose()) is { } freeing)
            await freeing;
        _thread.Dispose();
        _device.Dispose();
        _forced.Dispose();
    }

    private static GridError Refuse(GenerationJob job, GridError error)
    {
        job.Dispose();
        return error;
    }

    private static async Task ObserveAsync(GenerationJob job, Task work)
    {
        try
        {
            await work;
        }
        catch (Exception failure)
        {
            job.Fail(failure);
        }

        job.Dispose();
    }

    private void Enter(GridPhase phase, string detail)
    {
        lock (_phaseLock)
        {
            if (_status.Phase != GridPhase.Stopping)
                _status = new GridStatus(phase, detail);
        }
    }

    /// <summary>The loaded model, or why there is none to answer from.</summary>
    private GridError? Ready(out LoadedModel? loaded)
    {
        GridStatus status = _status;
        loaded = _loaded;
        return status.Phase switch
        {
            GridPhase.Ready => null,
            GridPhase.Stopping => new GridError(GridErrorKind.Stopping, "The server is stopping."),
            _ => new GridError(GridErrorKind.NotReady, status.Detail),
        };
    }
}
