using System.Diagnostics;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Completions;

/// <summary><c>POST /v1/completions</c>.</summary>
internal sealed partial class CompletionEndpoint(IModelGrid grid, GatewayOptions options, TimeProvider time, ILogger<CompletionEndpoint> logger)
{
    public async Task HandleAsync(HttpContext context)
    {
        long started = time.GetTimestamp();
        CancellationToken cancellation = context.RequestAborted;

        (byte[]? body, ApiError? refusal) = await RequestBody.ReadJsonAsync(context, options.MaxRequestBodyBytes);
        CompletionCall? call = null;
        if (body is null || !CompletionReader.TryRead(body, out call, out refusal))
        {
            await Answer.WriteAsync(context, refusal!);
            return;
        }

        GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(call.Request, cancellation);
        if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
        {
            await Answer.WriteAsync(context, ApiError.From(error));
            return;
        }

        var shape = new CompletionShape($"cmpl-{context.TraceIdentifier}", time.GetUtcNow().ToUnixTimeSeconds(), call);
        GenerationEvent outcome = call.Stream
            ? await CompletionStream.WriteAsync(context, events, shape)
            : await WriteWholeAsync(context, events, shape);

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

    private static async Task<GenerationEvent> WriteWholeAsync(HttpContext context, IAsyncEnumerable<GenerationEvent> events, CompletionShape shape)
    {
        var text = new StringBuilder();
        var ids = new List<int>();
        await foreach (GenerationEvent item in events.WithCancellation(context.RequestAborted))
        {
            switch (item)
            {
                case TokenChunk chunk:
                    text.Append(chunk.Text);
                    ids.AddRange(chunk.TokenIds);
                    break;
                case GenerationFinished finished:
                    CompletionResponse response = shape.Whole(text.ToString(), ids, finished);
                    await Answer.WriteAsync(context, StatusCodes.Status200OK, response, GatewayJson.Readable.CompletionResponse);
                    return item;
                case GenerationFailed failed:
                    await Answer.WriteAsync(context, ApiError.From(failed.Error));
                    return item;
            }
        }

        throw new UnreachableException("The grid's answer ended without its last event.");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{RequestId}: task {TaskId}, {PromptTokens} + {CompletionTokens} tokens, {FinishReason}, {Milliseconds:F0} ms")]
    private partial void LogCompleted(string requestId, int? taskId, int promptTokens, int completionTokens, string finishReason, double milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{RequestId}: broke off with {Kind} after {Milliseconds:F0} ms")]
    private partial void LogBrokeOff(string requestId, GridErrorKind kind, double milliseconds);
}
