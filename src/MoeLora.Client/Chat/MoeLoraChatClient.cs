using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using MoeLora.Contracts;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace MoeLora.Client.Chat;

/// <summary>
/// A task of a grid as an <see cref="IChatClient"/>. What made an answer is in its <c>AdditionalProperties</c> as <see cref="ProvenanceKey"/>; a grid that
/// does not answer is a <see cref="MoeLoraException"/>; an option that cannot be carried out is a <see cref="NotSupportedException"/> that names it.
/// </summary>
public sealed class MoeLoraChatClient : IChatClient
{
    /// <summary>Under which a response, and the last update of a stream, hold their <see cref="Provenance"/>.</summary>
    public const string ProvenanceKey = "provenance";

    private readonly IModelGrid _grid;
    private readonly string? _model;
    private readonly ChatClientMetadata _metadata;

    /// <param name="grid">A <see cref="MoeLoraClient"/>, or any other grid.</param>
    /// <param name="model">The task to ask where options name none; null makes them name one.</param>
    public MoeLoraChatClient(IModelGrid grid, string? model = null)
    {
        _grid = grid;
        _model = model;
        _metadata = new ChatClientMetadata("moelora", (grid as MoeLoraClient)?.Address, model);
    }

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var text = new System.Text.StringBuilder();
        await foreach (GenerationEvent item in AskAsync(messages, options, cancellationToken))
        {
            if (item is TokenChunk chunk)
                text.Append(chunk.Text);
            else if (item is GenerationFinished finished)
            {
                return new ChatResponse(new ChatMessage(ChatRole.Assistant, text.ToString()))
                {
                    ModelId = options?.ModelId ?? _model,
                    FinishReason = ReasonOf(finished),
                    Usage = UsageOf(finished),
                    CreatedAt = DateTimeOffset.UtcNow,
                    AdditionalProperties = new AdditionalPropertiesDictionary { [ProvenanceKey] = finished.Provenance },
                };
            }
        }

        throw new System.Diagnostics.UnreachableException("The grid's answer ended without its last event.");
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string id = Guid.NewGuid().ToString("n");
        await foreach (GenerationEvent item in AskAsync(messages, options, cancellationToken))
        {
            if (item is TokenChunk { Text.Length: > 0 } chunk)
                yield return Update(new TextContent(chunk.Text));
            else if (item is GenerationFinished finished)
            {
                ChatResponseUpdate last = Update(new UsageContent(UsageOf(finished)));
                last.FinishReason = ReasonOf(finished);
                last.AdditionalProperties = new AdditionalPropertiesDictionary { [ProvenanceKey] = finished.Provenance };
                yield return last;
            }
        }

        ChatResponseUpdate Update(AIContent content) => new(ChatRole.Assistant, [content])
        {
            ResponseId = id,
            MessageId = id,
            ModelId = options?.ModelId ?? _model,
        };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? _metadata
        : serviceType.IsInstanceOfType(this) ? this
        : serviceType.IsInstanceOfType(_grid) ? _grid
        : null;

    /// <summary>Does nothing: the grid is its maker's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<GenerationEvent> AskAsync(IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        GenerationRequest request = ChatRequests.ToRequest(messages, options, _model);
        GridResult<IAsyncEnumerable<GenerationEvent>> result = await _grid.GenerateAsync(request, cancellation);
        if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
            throw new MoeLoraException(error);
        await foreach (GenerationEvent item in events.WithCancellation(cancellation))
        {
            if (item is GenerationFailed failed)
                throw new MoeLoraException(failed.Error);
            yield return item;
        }
    }

    private static ChatFinishReason ReasonOf(GenerationFinished finished) =>
        finished.Reason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private static UsageDetails UsageOf(GenerationFinished finished) => new()
    {
        InputTokenCount = finished.Usage.PromptTokens,
        OutputTokenCount = finished.Usage.CompletionTokens,
        TotalTokenCount = finished.Usage.TotalTokens,
        CachedInputTokenCount = finished.Usage.CachedTokens,
    };
}
