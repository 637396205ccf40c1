namespace MoeLora.Contracts;

/// <summary>A task that a grid can answer as.</summary>
/// <param name="Id">What callers name: the task's name, its id where it has no name, or the base model's name where no adapter is served.</param>
/// <param name="TaskId">The task's id; null when no adapter is served.</param>
/// <param name="BaseModel">The base model's name.</param>
/// <param name="Mode">How it is served.</param>
/// <param name="ContextLength">Most tokens of prompt and answer together.</param>
/// <param name="Created">When the grid began to serve it.</param>
public sealed record ModelDescription(string Id, int? TaskId, string BaseModel, ServingMode Mode, int ContextLength, DateTimeOffset Created)
{
    /// <summary>The bank; null where no bundle is served.</summary>
    public string? Bank { get; init; }

    /// <summary>The version that answers new requests; null where no bundle is served.</summary>
    public string? Version { get; init; }

    /// <summary>The task's name, or its id where it has none, however the caller named it; null where <see cref="Id"/> is it.</summary>
    public string? TaskName { get; init; }
}
