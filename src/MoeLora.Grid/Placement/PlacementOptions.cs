using Microsoft.Extensions.Options;

namespace MoeLora.Grid.Placement;

/// <summary>
/// What placement counts with. A task served shared is a row of gate weights, so its grain costs next to nothing. Recovered weights need no place of their own here:
/// each node gives them only what its own limit allows and serves the task shared otherwise; those that it holds are part of what its reports say is used.
/// </summary>
public sealed class PlacementOptions
{
    /// <summary>Memory set aside for a task grain, in bytes: its activation and gate weights. 0 to 1 GiB.</summary>
    public long TaskBytes { get; set; } = 16 << 10;

    /// <summary>Memory that stays free on every silo, in bytes: what changes between two reports. 0 to 1 TiB.</summary>
    public long ReserveBytes { get; set; } = 64L << 20;

    /// <summary>After how long without a report a silo gets a new grain only when no other can take it. 1 s to 10 minutes.</summary>
    public TimeSpan SilentAfter { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Makes choices between equal silos repeatable; null for a new order in each process. Any number.</summary>
    public int? Seed { get; set; }

    /// <summary>Everything that is wrong, each a sentence that says how to mend it; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (TaskBytes is < 0 or > 1L << 30)
            problems.Add("Memory for a task grain must be between 0 and 1 GiB.");
        if (ReserveBytes is < 0 or > 1L << 40)
            problems.Add("Memory that stays free must be between 0 and 1 TiB.");
        if (SilentAfter < TimeSpan.FromSeconds(1) || SilentAfter > TimeSpan.FromMinutes(10))
            problems.Add("The time after which a silo counts as silent must be between 1 s and 10 minutes.");
        return problems;
    }
}

/// <summary>Refuses to start a silo with <see cref="PlacementOptions"/> that cannot be used.</summary>
internal sealed class PlacementOptionsValidator(IOptions<PlacementOptions> options) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        if (options.Value.FindProblems() is { Count: > 0 } problems)
            throw new OrleansConfigurationException(string.Join(" ", problems));
    }
}
