using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using MoeLora.Gateway.Errors;

namespace MoeLora.Gateway.Http;

/// <summary>Reads whole JSON bodies within bounds of size and time.</summary>
internal sealed class RequestBody(GatewayParts parts, GatewayOptions options)
{
    /// <summary>Returns the bytes, or why they are refused. Never holds more than the limit, whatever length is declared.</summary>
    /// <param name="context">The request.</param>
    /// <param name="optional">Whether there may be no body at all, whose bytes are none then.</param>
    public async ValueTask<(byte[]? Bytes, ApiError? Error)> ReadJsonAsync(HttpContext context, bool optional = false)
    {
        long limit = options.MaxRequestBodyBytes;
        if (optional && context.Request.ContentType is null && context.Request.ContentLength is null or 0)
            return ([], null);
        if (!IsJson(context.Request.ContentType))
        {
            return (null, ApiError.Caller(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type",
                "Send the request as JSON, with the header Content-Type: application/json."));
        }

        if (context.Request.ContentLength > limit)
            return (null, TooLarge(context, limit));

        PipeReader reader = context.Request.BodyReader;
        ITimer? timer = null;
        try
        {
            while (true)
            {
                ValueTask<ReadResult> pending = reader.ReadAsync(context.RequestAborted);
                if (!pending.IsCompleted)
                    timer ??= parts.Time.CreateTimer(static waiting => ((PipeReader)waiting!).CancelPendingRead(), reader, options.BodyTimeout, Timeout.InfiniteTimeSpan);
                ReadResult read = await pending;
                if (read.IsCanceled)
                {
                    context.Response.Headers.Connection = "close";
                    return (null, ApiError.FromStatus(StatusCodes.Status408RequestTimeout, context.Request));
                }

                if (read.Buffer.Length > limit)
                    return (null, TooLarge(context, limit));
                if (read.IsCompleted)
                {
                    byte[] bytes = read.Buffer.ToArray();
                    reader.AdvanceTo(read.Buffer.End);
                    return (bytes, null);
                }

                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, TooLarge(context, limit));
        }
        finally
        {
            timer?.Dispose();
        }
    }

    private static bool IsJson(string? contentType) =>
        contentType is "application/json"
        || (MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)));

    private static ApiError TooLarge(HttpContext context, long limit)
    {
        context.Response.Headers.Connection = "close"; // what is left of the body is not worth reading
        return ApiError.Caller(StatusCodes.Status413PayloadTooLarge, "request_too_large", $"The request body is larger than {limit} bytes.");
    }
}
