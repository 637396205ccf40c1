using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MoeLora.Contracts;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>Answers with what a test sends, when it sends it.</summary>
internal sealed class FakeGrid(FakeRollouts rollouts) : IModelGrid
{
    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>();

    public GridStatus Status { get; } = new(GridPhase.Ready, "Ready.");

    public GenerationRequest? LastRequest { get; private set; }

    public GridError? Refusal { get; set; }

    public void Send(params GenerationEvent[] events)
    {
        foreach (GenerationEvent item in events)
            _events.Writer.TryWrite(item);
    }

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<ModelDescription>>.Success(
            [.. rollouts.Active.SelectMany(version => version.Tasks.Select(task => new ModelDescription(task.Value, task.Key, "qwen2.5-0.5b", ServingMode.Shared, 512, version.Published) { Bank = version.Bank, Version = version.Version }))]));

    public async ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        (await ListModelsAsync(cancellation)).TryGet(out IReadOnlyList<ModelDescription>? models, out _);
        return models!.FirstOrDefault(candidate => model.Text.Contains(candidate.Id, StringComparison.Ordinal)) is { } found
            ? GridResult<ModelDescription>.Success(found)
            : new GridError(GridErrorKind.ModelNotFound, "There is no such task.");
    }

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        LastRequest = request;
        return new(Refusal is null ? GridResult<IAsyncEnumerable<GenerationEvent>>.Success(StreamAsync(cancellation)) : Refusal);
    }

    private async IAsyncEnumerable<GenerationEvent> StreamAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (bool ended = false; !ended;)
        {
            GenerationEvent item = await _events.Reader.ReadAsync(cancellation);
            ended = item is GenerationFinished or GenerationFailed;
            yield return item;
        }
    }
}
