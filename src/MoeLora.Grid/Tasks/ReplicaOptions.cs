using Microsoft.Extensions.Options;

namespace MoeLora.Grid.Tasks;

/// <summary>When a task gets more grains, and when it gives them back.</summary>
public sealed class ReplicaOptions
{
    /// <summary>Requests in the least busy replica from which the task gets another one. 1 to 10,000.</summary>
    public int GrowAt { get; set; } = 8;

    /// <summary>Most replicas of a task; there are never more than silos that can hold one. 1 to 1,000.</summary>
    public int Most { get; set; } = 16;

    /// <summary>How long the task must do without another one after it got one: reports must tell first what it brought. 0 to 1 minute.</summary>
    public TimeSpan Settle { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one replica less must have been enough, at half of <see cref="GrowAt"/>, before it is given back. 1 s to 1 hour.</summary>
    public TimeSpan Quiet { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Everything that is wrong, each a sentence that says how to mend it; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (GrowAt is < 1 or > 10_000)
            problems.Add("The depth at which a task gets another replica must be between 1 and 10,000.");
        if (Most is < 1 or > 1000)
            problems.Add("The most replicas of a task must be between 1 and 1,000.");
        if (Settle < TimeSpan.Zero || Settle > TimeSpan.FromMinutes(1))
            problems.Add("The time after which a task may get yet another replica must be between 0 and 1 minute.");
        if (Quiet < TimeSpan.FromSeconds(1) || Quiet > TimeSpan.FromHours(1))
            problems.Add("The time after which a replica is given back must be between 1 s and 1 hour.");
        return problems;
    }
}

/// <summary>Refuses to start a silo or client with <see cref="ReplicaOptions"/> that cannot be used.</summary>
internal sealed class ReplicaOptionsValidator(IOptions<ReplicaOptions> options) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        if (options.Value.FindProblems() is { Count: > 0 } problems)
            throw new OrleansConfigurationException(string.Join(" ", problems));
    }
}
