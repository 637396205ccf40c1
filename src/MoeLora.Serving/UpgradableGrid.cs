using MoeLora.Contracts;
using MoeLora.Serving.Loading;

namespace MoeLora.Serving;

/// <summary>
/// A grid of one process whose model and adapter are exchanged while it answers. The new one is loaded beside the old one; only when it is ready
/// do new requests go to it, all at once. Running requests finish on the version that they began with, whose memory is then freed. When the new one
/// cannot be loaded, the old one goes on.
/// </summary>
/// <remarks>While an upgrade runs there is memory for two models, and threads of both.</remarks>
public sealed class UpgradableGrid : IModelGrid, IAsyncDisposable
{
    private readonly SemaphoreSlim _upgrades = new(1, 1); // held by the upgrade that runs
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _forced = new();
    private readonly Lock _flip = new();
    private volatile LocalGrid _active;
    private int _disposals;

    /// <summary>Takes over a grid, loaded or not, and disposes it in the end.</summary>
    public UpgradableGrid(LocalGrid first) => _active = first;

    /// <inheritdoc/>
    public GridStatus Status => _active.Status;

    /// <inheritdoc/>
    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        AskAsync(grid => grid.ListModelsAsync(cancellation));

    /// <inheritdoc/>
    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        AskAsync(grid => grid.FindModelAsync(model, cancellation));

    /// <inheritdoc/>
    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default) =>
        AskAsync(grid => grid.GenerateAsync(request, cancellation));

    /// <summary>Loads what <paramref name="options"/> name and serves it instead. Completes when the old version has drained and is freed; upgrades take turns.</summary>
    /// <param name="options">The new model and adapter.</param>
    /// <param name="progress">Told while the new one loads.</param>
    /// <param name="cancellation">Gives up while the new one loads; the old one goes on.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">The model cannot be used; the old one goes on.</exception>
    /// <exception cref="Adapters.AdapterException">The adapter cannot be used; the old one goes on.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the grid was stopped before the new version was ready.</exception>
    public async Task UpgradeAsync(LocalGridOptions options, IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        await _upgrades.WaitAsync(either.Token);
        try
        {
            var next = new LocalGrid(options);
            LocalGrid old;
            try
            {
                await next.LoadAsync(progress, either.Token);
                old = Flip(next);
            }
            catch
            {
                await next.DisposeAsync();
                throw;
            }
            await old.StopAsync(_forced.Token);
            await old.DisposeAsync();
        }
        finally
        {
            _upgrades.Release();
        }
    }

    /// <summary>Refuses new requests and upgrades, gives up one that loads, and waits for requests that are running or waiting, of either version.</summary>
    /// <param name="force">Ends them early, each with an error that says so.</param>
    public async Task StopAsync(CancellationToken force = default)
    {
        Task cancelling;
        lock (_flip)
            cancelling = _stopping.CancelAsync(); // no version becomes the active one from here on
        await cancelling;
        await using CancellationTokenRegistration forcing = force.Register(_forced.Cancel);
        await _active.StopAsync(_forced.Token);
        await _upgrades.WaitAsync(CancellationToken.None); // an upgrade that drains its old version has ended
        _upgrades.Release();
    }

    /// <summary>Ends all requests early and frees the model.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) > 1)
            return;
        await StopAsync(new CancellationToken(canceled: true));
        await _active.DisposeAsync();
        _upgrades.Dispose();
        _stopping.Dispose();
        _forced.Dispose();
    }

    private LocalGrid Flip(LocalGrid next)
    {
        lock (_flip)
        {
            _stopping.Token.ThrowIfCancellationRequested();
            LocalGrid old = _active;
            _active = next;
            return old;
        }
    }

    // A request may meet a version that has just been replaced and takes no more; it belongs to the new one then.
    private async ValueTask<GridResult<T>> AskAsync<T>(Func<LocalGrid, ValueTask<GridResult<T>>> ask)
        where T : class
    {
        while (true)
        {
            LocalGrid grid = _active;
            GridResult<T> result = await ask(grid);
            if (result.TryGet(out _, out GridError? error) || error.Kind != GridErrorKind.Stopping || grid == _active)
                return result;
        }
    }
}
