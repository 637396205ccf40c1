using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Hosting;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Metrics;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Answers;

/// <summary><c>POST /v1/completions</c> and <c>POST /v1/chat/completions</c>.</summary>
internal sealed partial class GenerationEndpoint(GatewayParts parts, RequestBody body, Drain drain, RequestMetrics metrics, ILogger<GenerationEndpoint> logger)
{
    private static readonly GridError Stopping = new(GridErrorKind.Stopping, "The server is stopping and takes no new requests.", RetryAfter: TimeSpan.FromSeconds(2));
    private static readonly GridError Stopped = new(GridErrorKind.Stopping, "The server is stopping and ended this answer early.");

    public Task CompleteAsync(HttpContext context) => HandleAsync(context, GenerationFormat.Completion);

    public Task ChatAsync(HttpContext context) => HandleAsync(context, GenerationFormat.Chat);

    private async Task HandleAsync(HttpContext context, GenerationFormat format)
    {
        if (!drain.TryEnter())
        {
            context.Response.Headers.Connection = "close"; // the next request should find another node
            await Answer.WriteAsync(context, ApiError.From(Stopping));
            return;
        }

        long started = parts.Time.GetTimestamp();
        Caller caller = context.Caller();
        Activity? span = RequestSpan.Start(context, format.SpanName, caller.Tenant);
        metrics.Started();
        string outcome = "internal_error";
        var progress = new AnswerProgress();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Forced);
        try
        {
            outcome = await AnswerAsync(context, format, caller, started, progress, span, ending.Token);
        }
        catch (OperationCanceledException) when (IsForced(context) && !context.Response.HasStarted)
        {
            outcome = "stopping";
            await Answer.WriteAsync(context, ApiError.From(Stopped)); // forced before the grid began to answer
        }
        catch (OperationCanceledException)
        {
            outcome = "cancelled";
            throw;
        }
        finally
        {
            bool completed = outcome is "stop" or "length";
            if (!completed)
            {
                metrics.Failed(caller.Tenant, outcome, started, progress);
                await ending.CancelAsync(); // nothing that the grid still does for this request is of use
            }

            RequestSpan.End(span, progress.Start?.Provenance, outcome, failed: !completed);
            metrics.Ended();
            drain.Leave();
        }
    }

    /// <returns>How it ended: a finish reason, or an error's code.</returns>
    private async Task<string> AnswerAsync(HttpContext context, GenerationFormat format, Caller caller, long started, AnswerProgress progress, Activity? span, CancellationToken cancellation)
    {
        (byte[]? bytes, ApiError? refusal) = await body.ReadJsonAsync(context);
        GenerationCall? call = null;
        if (bytes is null || !format.TryRead(bytes, out call, out refusal))
            return await RefuseAsync(context, refusal!);

        GenerationRequest request = call.Request with { Tenant = caller.Tenant, Subject = caller.Subject, RequestId = context.TraceIdentifier };
        GridResult<IAsyncEnumerable<GenerationEvent>> result = await parts.Grid.GenerateAsync(request, cancellation);
        RateLimitHeaders.Set(context.Response.Headers, parts.Budgets?.Describe(caller.Tenant));
        if (!result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
            return await RefuseAsync(context, ApiError.From(error));

        AnswerShape shape = format.ShapeOf(format.IdPrefix + context.TraceIdentifier, parts.Time.GetUtcNow().ToUnixTimeSeconds(), call);
        await using IAsyncEnumerator<GenerationEvent> reader = events.GetAsyncEnumerator(cancellation);
        GenerationEvent outcome = call.Stream
            ? await WriteStreamAsync(context, reader, progress, shape)
            : await WriteWholeAsync(context, reader, progress, shape, call.Request.Answers);

        double milliseconds = parts.Time.GetElapsedTime(started).TotalMilliseconds;
        if (outcome is not GenerationFinished finished)
        {
            GridError failure = ((GenerationFailed)outcome).Error;
            LogBrokeOff(context.TraceIdentifier, failure.Kind, milliseconds);
            return ApiError.From(failure).Code;
        }

        metrics.Finished(caller.Tenant, finished, started, progress.FirstToken);
        RequestSpan.Finish(span, finished);
        LogCompleted(context.TraceIdentifier, finished.Provenance.TaskId, finished.Usage.PromptTokens, finished.Usage.CompletionTokens,
            Wire.Name(finished.Reason), milliseconds);
        return Wire.Name(finished.Reason);
    }

    private static async Task<string> RefuseAsync(HttpContext context, ApiError error)
    {
        await Answer.WriteAsync(context, error);
        return error.Code;
    }

    private async Task<GenerationEvent> WriteWholeAsync(HttpContext context, IAsyncEnumerator<GenerationEvent> events, AnswerProgress progress, AnswerShape shape, int count)
    {
        var answers = new CollectedAnswer[count];
        for (int i = 0; i < count; i++)
            answers[i] = new CollectedAnswer();
        while (true)
        {
            GenerationEvent item = await NextAsync(context, events, progress);
            if (item is TokenChunk chunk)
            {
                answers[chunk.Answer].Add(chunk);
                continue;
            }

            await (item is GenerationFinished finished
                ? shape.WriteWholeAsync(context, answers, finished)
                : Answer.WriteAsync(context, ApiError.From(((GenerationFailed)item).Error)));
            return item;
        }
    }

    /// <summary>
    /// The status is sent with the first token, so that a failure before it is an ordinary error; a later one is an <c>error</c> event,
    /// and <c>data: [DONE]</c> then never comes.
    /// </summary>
    private async Task<GenerationEvent> WriteStreamAsync(HttpContext context, IAsyncEnumerator<GenerationEvent> events, AnswerProgress progress, AnswerShape shape)
    {
        using var stream = new EventStream(context);
        while (true)
        {
            GenerationEvent item = await NextAsync(context, events, progress);
            if (item is GenerationFailed early && !stream.Begun)
            {
                await Answer.WriteAsync(context, ApiError.From(early.Error));
                return item;
            }

            await stream.BeginAsync(context.RequestAborted);
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

            await stream.FlushAsync(context.RequestAborted);
            if (item is not TokenChunk)
                return item;
        }
    }

    /// <summary>The next event that callers see.</summary>
    private async ValueTask<GenerationEvent> NextAsync(HttpContext context, IAsyncEnumerator<GenerationEvent> events, AnswerProgress progress)
    {
        try
        {
            while (await events.MoveNextAsync())
            {
                if (events.Current is GenerationStarted start)
                {
                    progress.Begin(start);
                    continue;
                }

                if (events.Current is TokenChunk chunk)
                    progress.Add(chunk, parts.Time);
                return events.Current;
            }

            throw new UnreachableException("The grid's answer ended without its last event.");
        }
        catch (OperationCanceledException) when (IsForced(context))
        {
            return new GenerationFailed(Stopped);
        }
    }

    private bool IsForced(HttpContext context) => drain.Forced.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested;

    [LoggerMessage(Level = LogLevel.Information, Message = "{RequestId}: task {TaskId}, {PromptTokens} + {CompletionTokens} tokens, {FinishReason}, {Milliseconds:F0} ms")]
    private partial void LogCompleted(string requestId, int? taskId, int promptTokens, int completionTokens, string finishReason, double milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{RequestId}: broke off with {Kind} after {Milliseconds:F0} ms")]
    private partial void LogBrokeOff(string requestId, GridErrorKind kind, double milliseconds);
}
