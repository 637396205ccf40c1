using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Contracts.Overview;

/// <summary>Gives the state of a grid for people and dashboards.</summary>
public interface IGridOverview
{
    /// <summary>The state now.</summary>
    ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default);
}

/// <summary>The state of a grid at one moment.</summary>
public sealed record GridOverview
{
    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Its nodes.</summary>
    public required IReadOnlyList<NodeOverview> Nodes { get; init; }

    /// <summary>All versions of all banks.</summary>
    public required IReadOnlyList<AdapterVersionStatus> Versions { get; init; }

    /// <summary>Every task of every version that can answer.</summary>
    public required IReadOnlyList<TaskOverview> Tasks { get; init; }

    /// <summary>What tenants used, by name; those that used nothing lately are left out.</summary>
    public required IReadOnlyList<TenantUsage> Tenants { get; init; }
}

/// <summary>One process.</summary>
public sealed record NodeOverview
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it takes requests.</summary>
    public required GridStatus Status { get; init; }

    /// <summary>Since when it runs.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>Bytes that the process holds.</summary>
    public required long ProcessBytes { get; init; }

    /// <summary>Its engines, one for each base model.</summary>
    public required IReadOnlyList<EngineOverview> Engines { get; init; }
}

/// <summary>One base model on one device. Totals count from the node's start; dashboards take differences.</summary>
public sealed record EngineOverview
{
    /// <summary>The base model's name.</summary>
    public required string BaseModel { get; init; }

    /// <summary>Its hash.</summary>
    public required string BaseModelHash { get; init; }

    /// <summary>Such as <c>cpu (avx2, 2 threads)</c>.</summary>
    public required string Device { get; init; }

    /// <summary>The kind of its device, as configurations name it: <c>cpu</c>, <c>cuda</c>.</summary>
    public string DeviceKind { get; init; } = "cpu";

    /// <summary>Which of the node's devices it is: <c>cuda:1</c>; <c>cpu</c> for whatever computes in the process's memory.</summary>
    public string DeviceId { get; init; } = "cpu";

    /// <summary>Bytes of memory of the device's own; null where it computes in the process's memory.</summary>
    public long? DeviceMemoryBytes { get; init; }

    /// <summary>Why it answers nothing any more: its device is lost until the process starts anew. Null while it does.</summary>
    public string? Fault { get; init; }

    /// <summary>f32, bf16, f16 or q8.</summary>
    public required string WeightsFormat { get; init; }

    /// <summary>Bytes of base weights, banks and recovered weights.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Bytes of the key/value blocks, used or not.</summary>
    public long KvBytes { get; init; }

    /// <summary>Key/value blocks in all.</summary>
    public required int KvBlocks { get; init; }

    /// <summary>Those in use.</summary>
    public required int KvBlocksUsed { get; init; }

    /// <summary>Sequences in the batch.</summary>
    public required int Running { get; init; }

    /// <summary>Sequences that wait.</summary>
    public required int Waiting { get; init; }

    /// <summary>Prompt tokens computed.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Tokens generated.</summary>
    public required long GeneratedTokens { get; init; }

    /// <summary>Sequences put back to wait because blocks ran out.</summary>
    public required long Preemptions { get; init; }
}

/// <summary>A task of a version.</summary>
/// <param name="Bank">The bank.</param>
/// <param name="Version">The version.</param>
/// <param name="TaskId">The task's id.</param>
/// <param name="Name">Its name, or its id where it has none.</param>
/// <param name="Mode">How it is served now.</param>
/// <param name="GateWeights">ω, a row for each gate (one, or one per adapted module).</param>
/// <param name="Requests">Answers given by this version as this task since the node started.</param>
public sealed record TaskOverview(string Bank, string Version, int TaskId, string Name, ServingMode Mode, IReadOnlyList<IReadOnlyList<float>> GateWeights, long Requests)
{
    /// <summary>Bytes of its recovered weights; 0 while it has none.</summary>
    public long MergedBytes { get; init; }
}

/// <summary>What a tenant uses.</summary>
/// <param name="Tenant">The tenant.</param>
/// <param name="Running">Its answers that run or wait.</param>
/// <param name="TokensLastMinute">Tokens read and generated in the last minute.</param>
/// <param name="RequestsLastMinute">Requests in the last minute.</param>
/// <param name="Limits">What it may use.</param>
public sealed record TenantUsage(TenantId Tenant, int Running, long TokensLastMinute, long RequestsLastMinute, TenantLimits Limits);
