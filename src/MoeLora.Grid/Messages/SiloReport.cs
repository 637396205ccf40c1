using MoeLora.Contracts;

namespace MoeLora.Grid.Messages;

/// <summary>What a silo says of itself: what is fixed and what changes. A later one replaces an earlier one.</summary>
[GenerateSerializer, Immutable, Alias("moelora.silo-report")]
public sealed record SiloReport
{
    /// <summary>The silo's address, which is its grain's key too.</summary>
    [Id(0)]
    public required string Silo { get; init; }

    /// <summary>Its node's name.</summary>
    [Id(1)]
    public required string Node { get; init; }

    /// <summary>Counts its reports.</summary>
    [Id(2)]
    public required long Number { get; init; }

    /// <summary>Whether its node takes requests. A silo that is stopping says so before it leaves.</summary>
    [Id(3)]
    public required GridPhase Phase { get; init; }

    /// <summary>The kind of its devices: <c>cpu</c>, <c>cuda</c>, or several with commas between them.</summary>
    [Id(4)]
    public required string DeviceKind { get; init; }

    /// <summary>Memory of its devices for weights and keys and values, in bytes.</summary>
    [Id(5)]
    public required long MemoryBytes { get; init; }

    /// <summary>What is left of it, in bytes: without weights, blocks for keys and values, and what is set aside for its task grains. Never below 0.</summary>
    [Id(6)]
    public required long FreeBytes { get; init; }

    /// <summary>Its base models that can answer: without those whose device is lost.</summary>
    [Id(7)]
    public required BaseReport[] Bases { get; init; }

    /// <summary>The banks that it follows.</summary>
    [Id(8)]
    public required BankReport[] Banks { get; init; }

    /// <summary>The task grains that live there; the busiest of them where there are very many, see <see cref="TaskCount"/>.</summary>
    [Id(9)]
    public required TaskReport[] Tasks { get; init; }

    /// <summary>How many task grains live there.</summary>
    [Id(10)]
    public int TaskCount { get; init; }

    /// <summary>Since when its node runs; null before it has described itself.</summary>
    [Id(12)]
    public DateTimeOffset? Started { get; init; }

    /// <summary>Where it takes clients of the cluster, as <c>address:port</c>; null where nowhere.</summary>
    [Id(13)]
    public string? Gateway { get; init; }

    /// <summary>Its devices, each with the memory of its own; the process's memory is one. Empty before its node has described itself.</summary>
    [Id(14)]
    public DeviceReport[] Devices { get; init; } = [];

    /// <summary>Sequences that run and wait on all its engines.</summary>
    public int Load => Bases.Sum(each => each.Running + each.Waiting);

    /// <summary>The device that computes a base model; null where that is not known.</summary>
    /// <param name="baseModelHash">64 digits.</param>
    internal DeviceReport? FindDevice(string baseModelHash) =>
        Array.Find(Bases, each => each.Hash == baseModelHash) is { } model ? Array.Find(Devices, each => each.Id == model.DeviceId) : null;

    /// <summary>What the silo says of a bank; null for nothing.</summary>
    internal BankReport? FindBank(string bank) => Array.Find(Banks, each => each.Bank == bank);

    /// <summary>The same with lists of tasks only where they are wanted: a bank may have tens of thousands, and they change only with its active version.</summary>
    /// <param name="isWanted">Whether the list of a bundle is.</param>
    internal SiloReport WithTasks(Func<string, bool> isWanted) => this with
    {
        Banks = [.. Banks.Select(bank => bank.TasksOf is null || isWanted(bank.TasksOf) ? bank : bank with { Tasks = [] })],
    };
}

/// <summary>A device of a silo.</summary>
/// <param name="Id">Such as <c>cuda:1</c>; <c>cpu</c> is the process's memory, whatever computes in it.</param>
/// <param name="Kind">Its kind, or several that share the memory.</param>
/// <param name="MemoryBytes">Its memory for weights and keys and values.</param>
/// <param name="FreeBytes">What is left of it. Never below 0.</param>
/// <param name="Fault">Why it computes nothing any more; null while it does.</param>
[GenerateSerializer, Immutable, Alias("moelora.device-report")]
public sealed record DeviceReport([property: Id(0)] string Id, [property: Id(1)] string Kind, [property: Id(2)] long MemoryBytes, [property: Id(3)] long FreeBytes, [property: Id(4)] string? Fault);

/// <summary>A base model on a silo.</summary>
/// <param name="Hash">64 digits.</param>
/// <param name="Name">Its name.</param>
/// <param name="Device">What computes it.</param>
/// <param name="Running">Sequences in the batch.</param>
/// <param name="Waiting">Sequences that wait.</param>
[GenerateSerializer, Immutable, Alias("moelora.base-report")]
public sealed record BaseReport([property: Id(0)] string Hash, [property: Id(1)] string Name, [property: Id(2)] string Device, [property: Id(3)] int Running, [property: Id(4)] int Waiting)
{
    /// <summary>Which of the silo's devices that is.</summary>
    [Id(5)]
    public string DeviceId { get; init; } = "cpu";
}

/// <summary>A bank on a silo.</summary>
[GenerateSerializer, Immutable, Alias("moelora.bank-report")]
public sealed record BankReport
{
    /// <summary>Its name.</summary>
    [Id(0)]
    public required string Bank { get; init; }

    /// <summary>Its base model, 64 digits.</summary>
    [Id(1)]
    public required string BaseModelHash { get; init; }

    /// <summary>The revision of its gate that the silo follows.</summary>
    [Id(2)]
    public required long Revision { get; init; }

    /// <summary>The version that answers new requests there; null for none.</summary>
    [Id(3)]
    public string? Active { get; init; }

    /// <summary>The versions that can answer there.</summary>
    [Id(4)]
    public required string[] Loaded { get; init; }

    /// <summary>The active version's tasks by id; empty on the way to a silo that has the list of <see cref="TasksOf"/>.</summary>
    [Id(5)]
    public required Dictionary<int, string> Tasks { get; init; }

    /// <summary>Why the silo cannot answer for the bank; null when it can.</summary>
    [Id(6)]
    public string? Problem { get; init; }

    /// <summary>The bundle whose tasks <see cref="Tasks"/> are; null where there are none.</summary>
    [Id(7)]
    public string? TasksOf { get; init; }

    /// <summary>Whether the tasks were left out on the way.</summary>
    internal bool LacksTasks => TasksOf is not null && Tasks.Count == 0;
}

/// <summary>A task grain on a silo.</summary>
/// <param name="Key">Its key, <c>bank/task/replica</c>.</param>
/// <param name="Depth">Requests that run or wait in it.</param>
[GenerateSerializer, Immutable, Alias("moelora.task-report")]
public sealed record TaskReport([property: Id(0)] string Key, [property: Id(1)] int Depth)
{
    /// <summary>Bytes of the weights recovered for the task there; 0 while it is served shared.</summary>
    [Id(2)]
    public long Bytes { get; init; }
}
