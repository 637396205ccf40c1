using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;

namespace MoeLora.Serving.Rollouts;

/// <summary>What really holds weights: loads versions next to what runs, and proves them. Safe for several loads at once.</summary>
internal interface IVersionHost
{
    /// <summary>The base models that versions can be loaded for: hash (64 lower-case hexadecimal digits, as in a manifest) and name.</summary>
    IReadOnlyDictionary<string, string> BaseModels { get; }

    /// <summary>
    /// Loads a version and proves it: the base model and the shapes are the adapter's, every value is finite, no delta is zero, and its
    /// checks give what they gave where it was made. Whatever runs goes on. A refusal keeps nothing in memory.
    /// </summary>
    /// <param name="bundle">Complete, with every hash verified just now.</param>
    /// <param name="cancellation">Gives up and keeps nothing.</param>
    /// <returns>The version, or why it cannot be used. An exception counts as a refusal too, but as a bug.</returns>
    Task<LoadOutcome> LoadAsync(AdapterBundle bundle, CancellationToken cancellation);
}

/// <summary>
/// A version that is in memory. Disposing it frees the memory; that happens once, when no pin on it is left (or when the node has stopped).
/// </summary>
internal interface ILoadedVersion : IAsyncDisposable
{
    /// <summary>Ends every answer that runs or waits on it, each with this error. Their pins are given back soon after.</summary>
    void EndSequences(GridError error);
}

/// <summary>What came of a load: a version, or the reason why there is none.</summary>
internal sealed class LoadOutcome
{
    private LoadOutcome(ILoadedVersion? version, string? problem)
    {
        Version = version;
        Problem = problem;
    }

    /// <summary>What was loaded; null when it was refused.</summary>
    public ILoadedVersion? Version { get; }

    /// <summary>Why it was refused, for a person, without a path of the machine; null when it was loaded.</summary>
    public string? Problem { get; }

    public static LoadOutcome Proven(ILoadedVersion version) => new(version, null);

    public static LoadOutcome Refused(string problem) => new(null, problem);
}
