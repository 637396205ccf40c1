using System.Collections.Concurrent;
using MoeLora.Adapters;
using MoeLora.Adapters.Import;
using MoeLora.Contracts;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving;

/// <summary>
/// A grid of one process without tenants, versions or an audit trail: one base model and at most one adapter directory. What a tool asks. Make it,
/// <see cref="LoadAsync"/>, use it, <see cref="StopAsync"/>, dispose of it.
/// </summary>
public sealed class LocalGrid : IModelGrid, IAsyncDisposable
{
    private const string Node = "local";

    private readonly LocalGridOptions _options;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _forced = new();
    private readonly CancellationToken _force; // outlives its source: a load may end while the grid is being disposed of
    private readonly ConcurrentDictionary<AnswerStream, byte> _running = new();
    private readonly Lock _phaseLock = new();
    private readonly BaseModelOptions _base;
    private volatile GridStatus _status;
    private volatile TaskCatalog? _catalog;
    private BaseModelHost? _host;
    private LoadedAdapter? _adapter;
    private DateTimeOffset _since;
    private Task? _load;
    private int _disposals;

    /// <summary>Checks the options. Reads no file yet.</summary>
    /// <exception cref="ArgumentException">Options do not fit each other; it lists all problems.</exception>
    public LocalGrid(LocalGridOptions options, TimeProvider? time = null)
    {
        options.Validate();
        _options = options;
        _base = options.Base;
        _force = _forced.Token;
        _time = time ?? TimeProvider.System;
        _status = new GridStatus(GridPhase.Loading, $"Loading {_base.ModelName}.");
    }

    /// <inheritdoc/>
    public GridStatus Status => _status is { IsReady: true } && _host?.Fault is { } fault ? new GridStatus(GridPhase.Failed, fault) : _status;

    /// <summary>Reads everything and becomes ready. To be called once.</summary>
    /// <param name="progress">Told on another thread.</param>
    /// <param name="cancellation">Gives up; the grid can only be disposed of then.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">The model or its tokenizer cannot be used.</exception>
    /// <exception cref="AdapterException">The adapter cannot be used, or not with this model; it lists all mismatches.</exception>
    /// <exception cref="UnknownTaskException">A task to merge is not one of the adapter.</exception>
    public Task LoadAsync(IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        if (_load is not null)
            throw new InvalidOperationException("A grid is loaded once.");
        return _load = Task.Run(() => LoadOnceAsync(progress, cancellation), CancellationToken.None);
    }

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(Ready(out TaskCatalog? catalog) is { } error ? error : GridResult<IReadOnlyList<ModelDescription>>.Success([.. catalog!.Tasks.Select(Describe)]));

    /// <inheritdoc/>
    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        if (Ready(out TaskCatalog? catalog) is { } notReady)
            return new(notReady);
        return new(catalog!.Find(model).TryGet(out LoadedTask? task, out GridError? error) ? GridResult<ModelDescription>.Success(Describe(task)) : error);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (Ready(out TaskCatalog? catalog) is { } notReady)
            return notReady;
        if (RequestPreparation.FindProblem(request) is { } problem)
            return problem;
        if (!catalog!.Find(request.Model).TryGet(out LoadedTask? task, out GridError? error) || !RequestPreparation.Prepare(_host!, request).TryGet(out PreparedRequest? prepared, out error))
            return error;
        TaskForm form = await task.HoldAsync(cancellation);
        lock (_phaseLock)
        {
            // Under the lock, so that StopAsync misses no answer.
            if (!new AnswerStart(task, form, Node).Submit(request, prepared, weight: 1, _ => default, null, cancellation).TryGet(out AnswerStream? answers, out error))
                return error;
            _running.TryAdd(answers, 0);
            answers.Closed.ContinueWith(_ => _running.TryRemove(answers, out byte _), TaskScheduler.Default);
            return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(answers.ReadAsync(CancellationToken.None));
        }
    }

    /// <summary>Refuses new requests and waits for those that are running or waiting.</summary>
    /// <param name="force">Ends them early, each with an error that says so.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        Enter(GridPhase.Stopping, "Stopping: running requests finish, new ones are refused.");
        if (_host is null || _catalog is null)
            return;
        await _host.Engine.StopAsync(force);
        await Task.WhenAll(_running.Keys.Select(answers => answers.Closed));
    }

    /// <summary>Ends all requests early and frees the model.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await _forced.CancelAsync();
        if (_load is not null)
            await Task.WhenAny(_load); // whatever came of it
        await StopAsync(_force);
        if (_adapter is not null)
            await _adapter.DisposeAsync();
        if (_host is not null)
            await _host.DisposeAsync();
        _forced.Dispose();
    }

    /// <summary>Completes when the model's thread has done all that loading gave it: a load is over a moment before the thread has closed its last slice.</summary>
    internal Task IdleAsync() => _host!.Engine.RunAsync(() => { });

    private async Task LoadOnceAsync(IProgress<GridLoading>? progress, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _force);
        try
        {
            _host = BaseModelHost.Load(_base, _time, Report, either.Token);
            LoadedTask[] tasks = _options.AdapterDirectory is { } directory ? await LoadTasksAsync(directory, either.Token) : [LoadedTask.Base(_host)];
            either.Token.ThrowIfCancellationRequested();
            _since = _time.GetUtcNow();
            _catalog = new TaskCatalog(tasks);
            Enter(GridPhase.Ready, $"Serving {_base.ModelName}.");
        }
        catch
        {
            Enter(GridPhase.Failed, $"Loading {_base.ModelName} failed; the server knows why.");
            throw;
        }

        void Report(GridLoading loading)
        {
            Enter(GridPhase.Loading, $"Loading {_base.ModelName}: {loading}.");
            progress?.Report(loading);
        }

        async Task<LoadedTask[]> LoadTasksAsync(string directory, CancellationToken token)
        {
            Report(new GridLoading("reading the adapter", 0, 0));
            Adapter adapter = AdapterReader.Open(directory, _host.Model.LinearModules, _options.TaskNamesFile, _host.Hash);
            HashSet<AdapterTask> merged = MergedTasks(adapter);
            _adapter = await LoadedAdapter.LoadAsync(_host, adapter, AdapterHash.Of(adapter, directory), merged.Contains, token);
            for (int i = 0; _options.MergeAtStart && i < merged.Count; i++)
            {
                Report(new GridLoading("recovering tasks", i, merged.Count));
                await _adapter.Tasks.Where(task => merged.Contains(task.Task!)).ElementAt(i).MergeAsync(token);
            }

            return [.. _adapter.Tasks];
        }
    }

    private HashSet<AdapterTask> MergedTasks(Adapter adapter)
    {
        if (_options.MergeAllTasks)
            return [.. adapter.Tasks];
        string[] unknown = [.. _options.MergedTasks.Where(text => adapter.FindTask(text) is null)];
        if (unknown.Length > 0)
            throw new UnknownTaskException(TaskCatalog.Missing(unknown, [.. adapter.Tasks.Select(task => task.ToString())]));
        return [.. _options.MergedTasks.Select(text => adapter.FindTask(text)!)];
    }

    private ModelDescription Describe(LoadedTask task) =>
        new(task.Name, task.Task?.Id, _base.ModelName, task.Mode, task.Host.Model.Config.MaxPositions, _since)
        {
            Bank = task.Adapter?.Adapter.Manifest?.Name.ToString(),
            Version = task.Adapter?.Adapter.Manifest?.Version.ToString(),
        };

    private void Enter(GridPhase phase, string detail)
    {
        lock (_phaseLock)
        {
            if (_status.Phase != GridPhase.Stopping)
                _status = new GridStatus(phase, detail);
        }
    }

    /// <summary>What can be answered as, or why nothing can.</summary>
    private GridError? Ready(out TaskCatalog? catalog)
    {
        GridStatus status = Status;
        catalog = _catalog;
        return status.Phase switch
        {
            GridPhase.Ready => null,
            GridPhase.Stopping => new GridError(GridErrorKind.Stopping, "The server is stopping."),
            _ => new GridError(GridErrorKind.NotReady, status.Detail),
        };
    }
}
