using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Loading;
using MoeLora.Serving.Registry;
using MoeLora.Serving.Requests;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.State;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// What answers in a node: base models, and the banks on them in any number of versions. Open it, <see cref="StartAsync"/>, use it, <see cref="StopAsync"/>,
/// dispose of it.
/// </summary>
internal sealed partial class NodeGrid : IModelGrid, IAsyncDisposable
{
    private readonly NodeOptions _options;
    private readonly NodeTenants? _tenants;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly BundleStore _store;
    private readonly NodeVersionHost _host = new();
    private readonly NodeRollouts _rollouts;
    private readonly TaskForms _forms;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<AnswerStream, byte> _running = new();
    private readonly Lock _phaseLock = new();
    private volatile GridStatus _status = new(GridPhase.Loading, "Starting.");
    private IReadOnlyDictionary<string, LoadedTask> _baseTasks = new Dictionary<string, LoadedTask>();
    private DateTimeOffset _since;
    private Task? _start;
    private Task _adjusting = Task.CompletedTask;
    private int _disposals;

    private NodeGrid(NodeOptions options, StateDatabase database, BundleStore store, NodeTenants? tenants, TimeProvider time, ILoggerFactory logging)
    {
        _options = options;
        _tenants = tenants;
        _time = time;
        _store = store;
        _logger = logging.CreateLogger<NodeGrid>();
        _rollouts = new NodeRollouts(
            store, new VersionRegistry(database), _host, new RolloutOptions { DrainDeadline = options.DrainDeadline }, time, logging.CreateLogger<NodeRollouts>());
        _forms = new TaskForms(options.Merging, () => [.. Versions().SelectMany(version => version.Adapter.Tasks)]);
    }

    /// <summary>Since when it is ready.</summary>
    public DateTimeOffset Started => _since;

    /// <inheritdoc/>
    /// <remarks>A node whose devices are all lost has failed; one that lost some goes on with the base models of the others.</remarks>
    public GridStatus Status => _status is { IsReady: true } && _host.Bases is { Count: > 0 } bases && bases.All(host => host.Fault is not null)
        ? new GridStatus(GridPhase.Failed, string.Join(" ", bases.Select(host => host.Fault).Distinct()))
        : _status;

    /// <summary>Its adapter versions.</summary>
    public NodeRollouts Rollouts => _rollouts;

    public IReadOnlyList<BaseModelHost> Bases => _host.Bases;

    public RoutingTable Routes => _rollouts.Routes;

    /// <summary>Why banks cannot answer.</summary>
    public IReadOnlyList<string> Problems => _rollouts.Problems;

    /// <summary>Takes the bundle store in the state directory. Loads nothing yet.</summary>
    /// <param name="options">Options without problems.</param>
    /// <param name="database">Where versions are remembered; the caller's.</param>
    /// <param name="tenants">Who may use how much; null limits nobody.</param>
    /// <param name="logging">Where to; nothing of a prompt or an answer is logged.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="InvalidOperationException">Another process has the store.</exception>
    public static NodeGrid Open(NodeOptions options, StateDatabase database, NodeTenants? tenants, ILoggerFactory logging, TimeProvider time) =>
        new(options, database, BundleStore.Open(Path.Combine(options.StateDirectory, "bundles"), new BundleLimits { ArchiveBytes = options.MaxBundleBytes, WeightBytes = options.MaxBundleBytes }, options.LeastFreeBytes), tenants, time, logging);

    /// <summary>Loads the base models and the versions that it served before, and becomes ready. To be called once.</summary>
    /// <param name="progress">Told on another thread.</param>
    /// <param name="cancellation">Gives up; the node can only be disposed of then.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">A base model or its tokenizer cannot be used.</exception>
    public Task StartAsync(IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        if (_start is not null)
            throw new InvalidOperationException("A node is started once.");
        return _start = Task.Run(() => StartOnceAsync(progress, cancellation), CancellationToken.None);
    }

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(NotReady() is { } error ? error : GridResult<IReadOnlyList<ModelDescription>>.Success(Models()));

    /// <inheritdoc/>
    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        if (NotReady() is { } notReady)
            return new(notReady);
        if (FindBase(model) is { } alone)
            return new(GridResult<ModelDescription>.Success(Describe(alone, alone.Name)));
        return new(Routes.Resolve(model, TenantId.Local, "").TryGet(out Route? route, out GridError? error)
            ? GridResult<ModelDescription>.Success(Describe(((LoadedVersion)route.Version.Loaded).Task(route.AdapterTask), model.Text))
            : error);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (NotReady() is { } notReady)
            return notReady;
        if (RequestPreparation.FindProblem(request) is { } problem)
            return problem;
        Tenant? tenant = null;
        if (_tenants is not null && !(await _tenants.FindAsync(request.Tenant, cancellation)).TryGet(out tenant, out GridError? unproven))
            return unproven;
        var admission = new NodeAdmission(request, _tenants?.Limiter, tenant, _options, _logger);
        try
        {
            if (FindBase(request.Model) is { } alone)
                admission.Choose(alone);
            else if (_rollouts.Admit(request.Model, request.Tenant, admission.Key, tenant?.Limits).TryGet(out RoutedRequest? routed, out GridError? unknown))
                admission.Choose(routed);
            else
                return unknown;

            if (!(await admission.SubmitAsync(cancellation)).TryGet(out AnswerStream? answers, out GridError? error))
                return error;
            _running.TryAdd(answers, 0);
            _ = answers.Closed.ContinueWith(_ => _running.TryRemove(answers, out byte _), TaskScheduler.Default);
            return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(answers.ReadAsync(CancellationToken.None));
        }
        finally
        {
            admission.LetGoIfRefused();
        }
    }

    /// <summary>Refuses new requests and commands, and waits for answers that run or wait.</summary>
    /// <param name="force">Ends them early, each with an error that says so.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        Enter(GridPhase.Stopping, "Stopping: running requests finish, new ones are refused.");
        await _stopping.CancelAsync();
        await Task.WhenAll(_host.Bases.Select(host => host.Engine.StopAsync(force)));
        await Task.WhenAll(_running.Keys.Select(answers => answers.Closed));
    }

    /// <summary>Ends all answers early and frees everything. The next start serves what this one served.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await _stopping.CancelAsync();
        if (_start is not null)
            await Task.WhenAny(_start); // whatever came of it
        await StopAsync(new CancellationToken(canceled: true));
        await _adjusting;
        await _rollouts.DisposeAsync();
        foreach (BaseModelHost host in _host.Bases)
            await host.DisposeAsync();
        _store.Dispose();
        _stopping.Dispose();
    }

    /// <inheritdoc cref="Node.HoldTask"/>
    public IDisposable HoldTask(string bank, string task) => _forms.Hold(bank, task);

    /// <summary>The versions that can answer, each once.</summary>
    public IEnumerable<LoadedVersion> Versions() =>
        Routes.Banks.SelectMany(bank => bank.Versions.Values).Select(version => version.Served?.Loaded).OfType<LoadedVersion>().Distinct();

    private async Task StartOnceAsync(IProgress<GridLoading>? progress, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        try
        {
            foreach (BaseModelOptions options in _options.Bases)
                _host.Add(BaseModelHost.Load(options, _time, loading => Report(options.ModelName, loading), either.Token));
            _baseTasks = _options.AnswerAsBase ? _host.Bases.ToDictionary(host => host.Name, LoadedTask.Base, StringComparer.Ordinal) : _baseTasks;
            await _rollouts.StartAsync(new Relay<AdapterVersionKey>(key => Report(key.ToString(), new GridLoading("loading and proving", 0, 0))), either.Token);
            await _forms.AdjustAsync(measure: true, either.Token);
            _since = _time.GetUtcNow();
            _adjusting = AdjustAsync();
            Enter(GridPhase.Ready, $"Serving {string.Join(", ", _host.Bases.Select(host => host.Name))}.");
        }
        catch
        {
            Enter(GridPhase.Failed, "Starting failed; the node's log knows why.");
            throw;
        }

        void Report(string what, GridLoading loading)
        {
            Enter(GridPhase.Loading, $"Loading {what}: {loading}.");
            progress?.Report(loading);
        }
    }

    private async Task AdjustAsync()
    {
        try
        {
            while (true)
            {
                await TryAdjustAsync(measure: await _forms.ChangeAsync(_time, _stopping.Token));
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }

    /// <summary>A look that fails, for lack of memory for instance, leaves every task as it was; the next look tries again.</summary>
    private async Task TryAdjustAsync(bool measure)
    {
        try
        {
            await _forms.AdjustAsync(measure, _stopping.Token);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            LogNotAdjusted(e);
        }
        catch (Exception)
        {
            // What a look meets while the node stops is the stop.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Tasks could not be merged or shared; they are served as they are, and the next look tries again.")]
    private partial void LogNotAdjusted(Exception exception);

    private LoadedTask? FindBase(ModelRef model) => _baseTasks.GetValueOrDefault(model.Text);

    private IReadOnlyList<ModelDescription> Models()
    {
        BankRoutes[] active = [.. Routes.Banks.Where(bank => bank.Active is not null)];
        HashSet<string> twice = [.. active.SelectMany(bank => bank.ActiveTasks.Values).Concat(_baseTasks.Keys).CountBy(name => name).Where(count => count.Value > 1).Select(count => count.Key)];
        return
        [
            .. _baseTasks.Values.Select(task => Describe(task, task.Name)),
            .. active.SelectMany(bank => ((LoadedVersion)bank.Active!.Loaded).Adapter.Tasks.Select(task => Describe(task, twice.Contains(task.Name) ? $"{bank.Bank}/{task.Name}" : task.Name))),
        ];
    }

    private ModelDescription Describe(LoadedTask task, string id) =>
        new(id, task.Task?.Id, task.Host.Name, task.Mode, task.Host.Model.Config.MaxPositions, _since)
        {
            Bank = task.Adapter?.Adapter.Manifest?.Name.ToString(),
            TaskName = task.Name,
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

    private GridError? NotReady()
    {
        GridStatus status = Status;
        return status.Phase switch
        {
            GridPhase.Ready => null,
            GridPhase.Stopping => new GridError(GridErrorKind.Stopping, "The node is stopping."),
            _ => new GridError(GridErrorKind.NotReady, status.Detail),
        };
    }
}
