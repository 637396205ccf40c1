using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Hosting;

/// <summary>The node of a silo.</summary>
/// <param name="node">The node.</param>
/// <param name="name">Its name.</param>
/// <param name="memoryBytes">The process's memory for weights and keys and values; null is all that it may use.</param>
public sealed class SiloNode(Node node, string name, long? memoryBytes = null) : ISiloNode
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public IModelGrid Grid => node.Grid;

    /// <inheritdoc/>
    public IRollouts Rollouts => node.Rollouts;

    /// <inheritdoc/>
    public IGridOverview Overview => node.Overview;

    /// <inheritdoc/>
    public long MemoryBytes { get; } = memoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <inheritdoc/>
    public string DeviceKind => node.DeviceKind;

    /// <inheritdoc/>
    public IDisposable HoldTask(string bank, string task) => node.HoldTask(bank, task);

    /// <inheritdoc/>
    public async ValueTask<TenantLimits> FindLimitsAsync(TenantId tenant) =>
        tenant == TenantId.Local ? TenantLimits.None
        : (await node.Tenants.FindTenantAsync(tenant)).TryGet(out Tenant? found, out _) ? found.Limits
        : new TenantLimits { AllowedTasks = [] };

    /// <inheritdoc/>
    public ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default) => node.OpenBundleAsync(bundleHash, cancellation);

    /// <inheritdoc/>
    public ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default) =>
        node.StoreBundleAsync(bundle, findProblem, cancellation);

    /// <inheritdoc/>
    public ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task) => node.RecordRefusalAsync(request, refusal, bank, task);

    /// <inheritdoc/>
    public ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default) =>
        node.PublishStoredAsync(bundleHash, by, cancellation);
}
