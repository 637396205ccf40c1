using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Answers;

/// <summary><c>POST /v1/completions</c> and <c>POST /v1/chat/completions</c>.</summary>
internal sealed partial class GenerationEndpoint(IModelGrid grid, GatewayOptions options, TimeProvider time, ILogger<GenerationEndpoint> logger)
{
    public Task CompleteAsync(HttpContext context) => HandleAsync(context, GenerationFormat.Completion);

    public Task ChatAsync(HttpContext context) => HandleAsync(context, GenerationFormat.Chat);

    private async Task HandleAsync(HttpContext context, GenerationFormat format)
    {
        long started = time.GetTimestamp();
        CancellationToken cancellation = context.RequestAborted;

        (byte[]? body, ApiError? refusal) = await RequestBody.ReadJsonAsync(context, options.MaxRequestBodyBytes);
        GenerationCall? call = null;
        if (body is null || !format.TryRead(body, out call, out refusal))
        {
            await Answer.WriteAsync(context, refusal!);
            return;
        }

        GenerationRequest request = call.Request with { RequestId = context.TraceIdentifier };
        GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(request, cancellation);
        if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
        {
            await Answer.WriteAsync(context, ApiError.From(error));
            return;
        }

        AnswerShape shape = format.ShapeOf(format.IdPrefix + context.TraceIdentifier, time.GetUtcNow().ToUnixTimeSeconds(), call);
        GenerationEvent outcome = call.Stream
            ? await WriteStreamAsync(context, events, shape, cancellation)
            : await WriteWholeAsync(context, events, shape, call.Request.Answers, cancellation);

        double milliseconds = time.GetElapsedTime(started).TotalMilliseconds;
        if (outcome is GenerationFinished finished)
        {
            LogCompleted(context.TraceIdentifier, finished.Provenance.TaskId, finished.Usage.PromptTokens, finished.Usage.CompletionTokens,
                Wire.Name(finished.Reason), milliseconds);
        }
        else if (outcome is GenerationFailed failed)
        {
            LogBrokeOff(context.TraceIdentifier, failed.Error.Kind, milliseconds);
        }
    }

    private static async Task<GenerationEvent> WriteWholeAsync(HttpContext context, IAsyncEnumerable<GenerationEvent> events, AnswerShape shape, int count, CancellationToken cancellation)
    {
        var answers = new CollectedAnswer[count];
        for (int i = 0; i < count; i++)
            answers[i] = new CollectedAnswer();
        await foreach (GenerationEvent item in events.WithCancellation(cancellation))
        {
            switch (item)
            {
                case TokenChunk chunk:
                    answers[chunk.Answer].Add(chunk);
                    break;
                case GenerationFinished finished:
                    await shape.WriteWholeAsync(context, answers, finished);
                    return item;
                case GenerationFailed failed:
                    await Answer.WriteAsync(context, ApiError.From(failed.Error));
                    return item;
            }
        }

        throw new UnreachableException("The grid's answer ended without its last event.");
    }

    /// <summary>
    /// The status is sent with the first token, so that a failure before it is an ordinary error; a later one is an <c>error</c> event,
    /// and <c>data: [DONE]</c> then never comes.
    /// </summary>
    private static async Task<GenerationEvent> WriteStreamAsync(HttpContext context, IAsyncEnumerable<GenerationEvent> events, AnswerShape shape, CancellationToken cancellation)
    {
        using var stream = new EventStream(context);
        await foreach (GenerationEvent item in events.WithCancellation(cancellation))
        {
            if (item is GenerationFailed early && !stream.Begun)
            {
                await Answer.WriteAsync(context, ApiError.From(early.Error));
                return item;
            }

            await stream.BeginAsync(cancellation);
            switch (item)
            {
                case TokenChunk chunk:
                    shape.WriteChunk(stream, chunk);
                    break;
                case GenerationFinished finished:
                    shape.WriteLast(stream, finished);
                    stream.WriteDone();
                    break;
                case GenerationFailed failed:
                    stream.Write(ApiError.From(failed.Error).ToResponse(), GatewayJson.Readable.ErrorResponse);
                    break;
            }

            await stream.FlushAsync(cancellation);
            if (item is not TokenChunk)
                return item;
        }

        throw new UnreachableException("The grid's answer ended without its last event.");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{RequestId}: task {TaskId}, {PromptTokens} + {CompletionTokens} tokens, {FinishReason}, {Milliseconds:F0} ms")]
    private partial void LogCompleted(string requestId, int? taskId, int promptTokens, int completionTokens, string finishReason, double milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{RequestId}: broke off with {Kind} after {Milliseconds:F0} ms")]
    private partial void LogBrokeOff(string requestId, GridErrorKind kind, double milliseconds);
}
