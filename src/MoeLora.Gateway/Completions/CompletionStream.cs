using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Completions;

/// <summary>
/// Sends an answer as server-sent events, <c>data: {json}</c> and an empty line each. The status is sent with the first token, so
/// that a failure before it is an ordinary error; a later one is an <c>error</c> event, and <c>data: [DONE]</c> then never comes.
/// </summary>
internal static class CompletionStream
{
    /// <summary>Returns the event that ended the answer.</summary>
    public static async Task<GenerationEvent> WriteAsync(HttpContext context, IAsyncEnumerable<GenerationEvent> events, CompletionShape shape)
    {
        CancellationToken cancellation = context.RequestAborted;
        PipeWriter output = context.Response.BodyWriter;
        bool begun = false;
        await foreach (GenerationEvent item in events.WithCancellation(cancellation))
        {
            if (!begun && item is GenerationFailed early)
            {
                await Answer.WriteAsync(context, ApiError.From(early.Error));
                return item;
            }

            if (!begun)
                await BeginAsync(context);
            begun = true;

            switch (item)
            {
                case TokenChunk chunk:
                    if (shape.Chunk(chunk) is { } response)
                        Write(output, response, GatewayJson.Readable.CompletionResponse);
                    break;
                case GenerationFinished finished:
                    foreach (CompletionResponse last in shape.Last(finished))
                        Write(output, last, GatewayJson.Readable.CompletionResponse);
                    output.Write("data: [DONE]\n\n"u8);
                    break;
                case GenerationFailed failed:
                    Write(output, ApiError.From(failed.Error).ToResponse(), GatewayJson.Readable.ErrorResponse);
                    break;
            }

            await output.FlushAsync(cancellation);
            if (item is not TokenChunk)
                return item;
        }

        throw new UnreachableException("The grid's answer ended without its last event.");
    }

    private static Task BeginAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // asks proxies to pass each event on at once
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return context.Response.StartAsync(context.RequestAborted);
    }

    private static void Write<T>(PipeWriter output, T value, JsonTypeInfo<T> type)
    {
        output.Write("data: "u8);
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = type.Options.Encoder }))
            JsonSerializer.Serialize(json, value, type);
        output.Write("\n\n"u8);
    }
}
