using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Silos;

/// <summary>What the grains of a silo use of the node in their process.</summary>
public interface ISiloNode
{
    /// <summary>Its name.</summary>
    string Name { get; }

    /// <summary>What answers here.</summary>
    IModelGrid Grid { get; }

    /// <summary>The versions here. Only what follows the gates changes them.</summary>
    IRollouts Rollouts { get; }

    /// <summary>Its state.</summary>
    IGridOverview Overview { get; }

    /// <summary>The process's memory for weights and keys and values, in bytes. Devices that have memory of their own say so with their engines.</summary>
    long MemoryBytes { get; }

    /// <summary>The kind of its devices: <c>cpu</c>, <c>cuda</c>, or several with commas between them.</summary>
    string DeviceKind { get; }

    /// <summary>Says that a task grain lives here until the hold is disposed of: tasks that are to be merged have their recovered weights just so long.</summary>
    /// <param name="bank">Its bank.</param>
    /// <param name="task">Its name, or its id where it has none.</param>
    IDisposable HoldTask(string bank, string task);

    /// <summary>What a tenant may ask and use; nothing is allowed to one that there is not.</summary>
    ValueTask<TenantLimits> FindLimitsAsync(TenantId tenant) => new(TenantLimits.None);

    /// <summary>A bundle that it holds, packed; null where it does not hold it.</summary>
    /// <param name="bundleHash"><c>sha256:</c> and 64 digits.</param>
    /// <param name="cancellation">Gives up.</param>
    ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default);

    /// <inheritdoc cref="Node.StoreBundleAsync"/>
    ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default);

    /// <inheritdoc cref="Node.RecordRefusalAsync"/>
    ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task);

    /// <inheritdoc cref="Node.PublishStoredAsync"/>
    ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default);
}
