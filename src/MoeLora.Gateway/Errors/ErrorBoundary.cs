using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Errors;

/// <summary>
/// The last stop of every failure: gives a body to statuses that have none, and turns exceptions into answers. The messages of
/// exceptions are never logged nor sent, because nobody knows what they quote; their types and stack traces are logged.
/// </summary>
internal sealed partial class ErrorBoundary(RequestDelegate next, ILogger<ErrorBoundary> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null })
                await Answer.WriteAsync(context, ApiError.FromStatus(context.Response.StatusCode, context.Request));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            LogClientLeft(context.TraceIdentifier);
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            context.Response.Headers.Connection = "close";
            await Answer.WriteAsync(context, ApiError.FromStatus(exception.StatusCode, context.Request));
        }
        catch (Exception exception)
        {
            LogFailed(context.TraceIdentifier, Describe(exception));
            if (context.Response.HasStarted)
                context.Abort(); // a broken answer must not look like a complete one
            else
                await Answer.WriteAsync(context, ApiError.FromStatus(StatusCodes.Status500InternalServerError, context.Request));
        }
    }

    /// <summary>Types and stack traces of an exception and its causes, without a message.</summary>
    private static string Describe(Exception exception)
    {
        var lines = new List<string>();
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
            lines.Add($"{cause.GetType().FullName}{Environment.NewLine}{cause.StackTrace}");
        return string.Join(Environment.NewLine + "caused by ", lines);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{RequestId}: the client left before its answer was complete")]
    private partial void LogClientLeft(string requestId);

    [LoggerMessage(Level = LogLevel.Error, Message = "{RequestId}: failed with {Failure}")]
    private partial void LogFailed(string requestId, string failure);
}
