using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Models;
using MoeLora.Serving.Bases;

namespace MoeLora.Serving.Tasks;

/// <summary>Something that can be answered as: a task of a loaded adapter, or the base model by itself.</summary>
internal sealed class LoadedTask
{
    private readonly Func<CancellationToken, Task<CausalModel>>? _recover;
    private readonly TaskForm? _shared;
    private readonly SemaphoreSlim _changes = new(1, 1);
    private volatile TaskForm? _form; // null: recovered weights that nobody has needed yet
    private bool _freed; // under _changes
    private int _running;
    private long _requests;
    private long _tokens;

    private LoadedTask(BaseModelHost host, LoadedAdapter? adapter, AdapterTask? task, TaskForm? shared, Func<CancellationToken, Task<CausalModel>>? recover)
    {
        Host = host;
        Adapter = adapter;
        Task = task;
        GateWeights = adapter is null || adapter.Adapter.Kind == AdapterKind.Lora ? [] : [.. adapter.Adapter.Weights(task!).Select(weights => (IReadOnlyList<float>)weights)];
        _shared = shared;
        _form = shared;
        _recover = recover;
    }

    public BaseModelHost Host { get; }

    /// <summary>Null for the base model by itself.</summary>
    public LoadedAdapter? Adapter { get; }

    /// <summary>Null for the base model by itself.</summary>
    public AdapterTask? Task { get; }

    /// <summary>What callers name.</summary>
    public string Name => Task?.Name.ToString() ?? Host.Name;

    /// <summary>ω by gate; empty without one.</summary>
    public IReadOnlyList<IReadOnlyList<float>> GateWeights { get; }

    /// <summary>The form that new answers get.</summary>
    public ServingMode Mode => _form?.Mode ?? ServingMode.Merged;

    /// <summary>Bytes of its recovered weights; 0 when it has none.</summary>
    public long MergedBytes => _form?.Bytes ?? 0;

    /// <summary>Bytes that recovered weights need: those of the base weights that the adapter adapts.</summary>
    public long BytesToMerge => Adapter is null ? 0 : Adapter.Adapter.Bank.Modules.Sum(module => Host.Model.Weight(module.Module).ResidentBytes);

    /// <summary>Requests that run or wait in the engine.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Answers that have ended.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Tokens read and generated.</summary>
    public long Tokens => Interlocked.Read(ref _tokens);

    public static LoadedTask Base(BaseModelHost host) => new(host, null, null, TaskForm.Base(host), null);

    /// <summary>A task of an adapter.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="task">The task.</param>
    /// <param name="shared">Its shared form; null for a task that is only ever merged.</param>
    /// <param name="recover">Recovers its weights.</param>
    public static LoadedTask Of(LoadedAdapter adapter, AdapterTask task, TaskForm? shared, Func<CancellationToken, Task<CausalModel>> recover) =>
        new(adapter.Host, adapter, task, shared, recover);

    /// <summary>The form for a new answer, held; recovers the weights first if the task is merged and this is its first use.</summary>
    public async ValueTask<TaskForm> HoldAsync(CancellationToken cancellation)
    {
        while (true)
        {
            TaskForm form = _form ?? await MergeAsync(cancellation) ?? throw new ObjectDisposedException(nameof(LoadedTask));
            if (form.TryHold())
                return form;
        }
    }

    /// <summary>Gives new answers recovered weights. Those that run go on as they began. Null when the task was freed meanwhile.</summary>
    public async Task<TaskForm?> MergeAsync(CancellationToken cancellation)
    {
        await _changes.WaitAsync(cancellation);
        try
        {
            if (_freed || _form is { Mode: ServingMode.Merged })
                return _form;
            TaskForm merged = TaskForm.Merged(Host, await _recover!(cancellation));
            _form = merged;
            return merged;
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>Gives new answers the shared form again, and frees the recovered weights when the last answer on them has ended.</summary>
    public async Task ShareAsync()
    {
        await _changes.WaitAsync();
        try
        {
            if (_form is not { Mode: ServingMode.Merged } merged || _shared is null)
                return;
            _form = _shared;
            await merged.ReleaseAsync();
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>Frees its recovered weights, for good. No answer runs on it any more; a merge that runs is waited for, so that what it recovers is freed too.</summary>
    public async Task FreeAsync()
    {
        await _changes.WaitAsync();
        try
        {
            if (_freed)
                return;
            _freed = true;
            TaskForm? form = _form;
            _form = null;
            if (form is not null)
                await form.ReleaseAsync();
            if (_shared is not null && _shared != form)
                await _shared.ReleaseAsync();
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>A request goes to the engine; <see cref="Count"/> or <see cref="Forget"/> follows.</summary>
    public void Begin() => Interlocked.Increment(ref _running);

    /// <summary>The engine did not take it.</summary>
    public void Forget() => Interlocked.Decrement(ref _running);

    /// <summary>It has ended.</summary>
    /// <param name="tokens">Tokens read and generated.</param>
    public void Count(int tokens)
    {
        Interlocked.Decrement(ref _running);
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _tokens, tokens);
    }
}
