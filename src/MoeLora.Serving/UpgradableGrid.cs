using MoeLora.Contracts;
using MoeLora.Serving.Loading;

namespace MoeLora.Serving;

/// <summary>
/// A grid of one process whose model and adapter are exchanged while it answers. The new one is loaded beside the old one; only when it is ready
/// do new requests go to it, all at once. Running requests finish on the version that they began with, whose memory is then freed. When the new one
/// cannot be loaded, the old one goes on.
/// </summary>
public sealed class UpgradableGrid : IModelGrid, IAsyncDisposable
{
    private readonly SemaphoreSlim _upgrades = new(1, 1);
    private volatile LocalGrid _active;

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

    /// <summary>Loads what <paramref name="options"/> name and serves it instead. Completes when the old version has drained and is freed.</summary>
    /// <param name="options">The new model and adapter.</param>
    /// <param name="progress">Told while the new one loads.</param>
    /// <param name="cancellation">Gives up while the new one loads; the old one goes on.</param>
    /// <exception cref="Models.Checkpoints.CheckpointException">The model cannot be used; the old one goes on.</exception>
    /// <exception cref="Adapters.AdapterException">The adapter cannot be used; the old one goes on.</exception>
    public async Task UpgradeAsync(LocalGridOptions options, IProgress<GridLoading>? progress = null, CancellationToken cancellation = default)
    {
        await _upgrades.WaitAsync(cancellation);
        try
        {
            var next = new LocalGrid(options);
            try
            {
                await next.LoadAsync(progress, cancellation);
            }
            catch
            {
                await next.DisposeAsync();
                throw;
            }
            LocalGrid old = _active;
            _active = next;
            await old.StopAsync(CancellationToken.None);
            await old.DisposeAsync();
        }
        finally
        {
            _upgrades.Release();
        }
    }

    /// <summary>Refuses new requests and waits for those that are running or waiting.</summary>
    /// <inheritdoc cref="LocalGrid.StopAsync"/>
    public Task StopAsync(CancellationToken force = default) => _active.StopAsync(force);

    /// <summary>Ends all requests early and frees the model.</summary>
    public async ValueTask DisposeAsync()
    {
        await _active.DisposeAsync();
        _upgrades.Dispose();
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
