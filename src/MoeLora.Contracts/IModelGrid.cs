namespace MoeLora.Contracts;

/// <summary>
/// What clients and the gateway see of a grid, be it one process or a cluster. Safe for any number of callers at once.
/// </summary>
public interface IModelGrid
{
    /// <summary>Whether requests are taken now.</summary>
    GridStatus Status { get; }

    /// <summary>Everything that can be answered as, in the order of the task ids.</summary>
    /// <returns>The list, or <see cref="GridErrorKind.NotReady"/>. What a tenant may not ask is not hidden from it here.</returns>
    ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default);

    /// <summary>Finds a task by its name or id.</summary>
    /// <returns>It, or <see cref="GridErrorKind.ModelNotFound"/> with a message that lists what there is.</returns>
    ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default);

    /// <summary>
    /// Admits a request and starts its answer. Everything that can be known before the first token is refused here, as a value;
    /// what happens later arrives as <see cref="GenerationFailed"/>.
    /// </summary>
    /// <param name="request">Checked by the grid, <see cref="GenerationRequest.FindProblems"/> included.</param>
    /// <param name="cancellation">Ends the answer at the next token, whenever it is cancelled.</param>
    /// <returns>
    /// The answer's events, to be enumerated once; leaving the enumeration early ends the answer too. A caller that never
    /// enumerates them must cancel.
    /// </returns>
    ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default);
}
