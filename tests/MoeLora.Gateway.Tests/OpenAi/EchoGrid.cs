using System.Runtime.CompilerServices;
using System.Text;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests.OpenAi;

/// <summary>
/// Does what the prompt says: <c>echo text</c> answers it letter by letter, <c>error Kind</c> refuses, <c>busy once</c> refuses the first time,
/// <c>breaks</c> fails in the middle, <c>endless</c> goes on until its client leaves, <c>schema</c> answers what it was constrained to.
/// </summary>
internal sealed class EchoGrid : IModelGrid
{
    private int _busy;

    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GridStatus Status { get; } = new(GridPhase.Ready, "ready");

    /// <summary>Completes when the endless answer was left.</summary>
    public Task LeftEarly => _left.Task;

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => new FakeGrid().ListModelsAsync(cancellation);

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) => new FakeGrid().FindModelAsync(model, cancellation);

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        string prompt = request.Prompt switch
        {
            TextPrompt text => text.Text,
            ChatPrompt chat => chat.Messages[^1].Text,
            _ => "",
        };
        if (prompt.StartsWith("error ", StringComparison.Ordinal))
            return new(new GridError(Enum.Parse<GridErrorKind>(prompt[6..]), "The reason."));
        if (prompt == "busy once" && Interlocked.Increment(ref _busy) == 1)
            return new(new GridError(GridErrorKind.QueueFull, "The queue is full.", RetryAfter: TimeSpan.FromSeconds(1)));
        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(AnswerAsync(request, prompt, cancellation)));
    }

    private async IAsyncEnumerable<GenerationEvent> AnswerAsync(GenerationRequest request, string prompt, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string answer = prompt switch
        {
            "busy once" => "done",
            "schema" when request.Constraint is JsonSchemaOutput schema => schema.Schema,
            "schema" when request.Constraint is ChoiceOutput choice => choice.Options[0],
            "breaks" or "endless" => "half",
            _ => prompt["echo ".Length..],
        };
        int tokens = 0;
        foreach (Rune letter in answer.EnumerateRunes())
        {
            for (int i = 0; i < request.Answers; i++)
            {
                await Task.Yield();
                var token = new TokenLogProb(letter.Value, Encoding.UTF8.GetBytes(letter.ToString()), -0.5);
                yield return new TokenChunk(letter.ToString(), [letter.Value], i) { LogProbs = request.TopLogProbs is null ? [] : [new TokenLogProbs(token, [token])] };
                tokens++;
            }
        }

        if (prompt == "breaks")
        {
            yield return new GenerationFailed(new GridError(GridErrorKind.Stopping, "The server is stopping."));
            yield break;
        }

        if (prompt == "endless")
        {
            cancellation.Register(() => _left.TrySetResult());
            await Task.Delay(Timeout.Infinite, cancellation);
        }

        yield return new GenerationFinished([.. Enumerable.Repeat(FinishReason.Stop, request.Answers)], new TokenUsage(3, tokens), default, FakeGrid.Provenance);
    }
}
