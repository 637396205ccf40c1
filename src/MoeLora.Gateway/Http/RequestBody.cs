using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using MoeLora.Gateway.Errors;

namespace MoeLora.Gateway.Http;

/// <summary>Reads a whole JSON body within a bound.</summary>
internal static class RequestBody
{
    /// <summary>Returns the bytes, or why they are refused. Never holds more than the limit, whatever length is declared.</summary>
    public static async ValueTask<(byte[]? Bytes, ApiError? Error)> ReadJsonAsync(HttpContext context, long limit)
    {
        if (!IsJson(context.Request.ContentType))
        {
            return (null, ApiError.Caller(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type",
                "Send the request as JSON, with the header Content-Type: application/json."));
        }

        if (context.Request.ContentLength > limit)
            return (null, TooLarge(context, limit));

        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read;
            try
            {
                read = await reader.ReadAsync(context.RequestAborted);
            }
            catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
            {
                return (null, TooLarge(context, limit));
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

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private static ApiError TooLarge(HttpContext context, long limit)
    {
        context.Response.Headers.Connection = "close"; // what is left of the body is not worth reading
        return ApiError.Caller(StatusCodes.Status413PayloadTooLarge, "request_too_large", $"The request body is larger than {limit} bytes.");
    }
}
