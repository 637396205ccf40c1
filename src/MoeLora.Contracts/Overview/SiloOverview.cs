namespace MoeLora.Contracts.Overview;

/// <summary>Says what each silo of a grid is and holds, and where tasks live, for people. A node alone is its own only silo.</summary>
public interface ISiloOverview
{
    /// <summary>All silos as they last reported themselves, by name. Answered from memory.</summary>
    ValueTask<GridResult<IReadOnlyList<SiloOverview>>> ListSilosAsync(CancellationToken cancellation = default);
}

/// <summary>A silo as it last reported itself.</summary>
public sealed record SiloOverview
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Where other silos reach it; null for a node alone.</summary>
    public string? Address { get; init; }

    /// <summary>Whether it takes requests.</summary>
    public required GridPhase Phase { get; init; }

    /// <summary>Whether it has not reported for so long that it gets new requests only when no other silo can take them.</summary>
    public bool IsSilent { get; init; }

    /// <summary>Since when it runs; null before it has said so.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>How long ago it reported all of this, in seconds.</summary>
    public required double ReportAgeSeconds { get; init; }

    /// <summary>The kind of its devices: <c>cpu</c> or <c>cuda</c>.</summary>
    public required string DeviceKind { get; init; }

    /// <summary>The devices of its base models, such as <c>cpu (avx2, 2 threads)</c>, each once.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>Memory of its devices for weights and keys and values, in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>What is left of it, in bytes.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>Sequences in its batches.</summary>
    public required int Running { get; init; }

    /// <summary>Sequences that wait.</summary>
    public required int Waiting { get; init; }

    /// <summary>The banks that it serves or should serve, by name.</summary>
    public required IReadOnlyList<SiloBank> Banks { get; init; }

    /// <summary>How many tasks live there.</summary>
    public required int TaskCount { get; init; }

    /// <summary>The tasks that live there; the busiest of them where there are very many, see <see cref="TaskCount"/>.</summary>
    public required IReadOnlyList<SiloTask> Tasks { get; init; }
}

/// <summary>A bank on a silo.</summary>
/// <param name="Bank">Its name.</param>
/// <param name="Active">The version that answers new requests there; null for none.</param>
/// <param name="Loaded">The versions that can answer there.</param>
/// <param name="Problem">Why the silo cannot answer for the bank; null when it can.</param>
public sealed record SiloBank(string Bank, string? Active, IReadOnlyList<string> Loaded, string? Problem);

/// <summary>A task on a silo.</summary>
/// <param name="Bank">Its bank.</param>
/// <param name="Task">Its name, or its id where it has none.</param>
/// <param name="Replica">Which of its replicas, from 0.</param>
/// <param name="Depth">Requests that run or wait in it.</param>
/// <param name="MergedBytes">Bytes of the weights recovered for it there; 0 while it is served shared.</param>
public sealed record SiloTask(string Bank, string Task, int Replica, int Depth, long MergedBytes);
