using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests.Load;

/// <summary>Answers every request at once with one token: what is left is the gateway's own work.</summary>
internal sealed class NullGrid : IModelGrid
{
    private static readonly GenerationEvent[] Events = [new TokenChunk("甲", [1]), FakeGrid.Finished()];

    public GridStatus Status { get; } = new(GridPhase.Ready, "ready");

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<ModelDescription>>.Success([]));

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        new(new GridError(GridErrorKind.ModelNotFound, "There is no task."));

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default) =>
        new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(new Answer()));

    private sealed class Answer : IAsyncEnumerable<GenerationEvent>, IAsyncEnumerator<GenerationEvent>
    {
        private int _next = -1;

        public GenerationEvent Current => Events[_next];

        public IAsyncEnumerator<GenerationEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default) => this;

        public ValueTask<bool> MoveNextAsync() => new(++_next < Events.Length);

        public ValueTask DisposeAsync() => default;
    }
}
