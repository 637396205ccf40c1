using System.Net;

namespace MoeLora.Grid.Hosting;

/// <summary>How an application reaches a cluster.</summary>
public sealed record GridClientOptions : GridClusterOptions
{
    /// <summary>Where silos take clients (their gateway ports), where the application may not read the cluster's database; empty finds them there.</summary>
    public IReadOnlyList<IPEndPoint> Gateways { get; init; } = [];

    /// <summary>The task that the <c>IChatClient</c> asks where its options name none; null makes them name one.</summary>
    public string? Model { get; init; }

    /// <summary>How long a request that no silo can take, or an answer whose silo was lost, is tried elsewhere before it fails. Above 0.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public override IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>(base.FindProblems());
        if (Gateways.Count > 0)
            problems.RemoveAll(problem => problem.StartsWith("clustering:", StringComparison.Ordinal)); // nothing is read there
        if (Patience <= TimeSpan.Zero)
            problems.Add("patience: it must be above 0.");
        return problems;
    }
}
