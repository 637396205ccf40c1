using System.Net;
using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Client.Wire;

/// <summary>Turns failures of HTTP back into the grid's.</summary>
internal static class ErrorReader
{
    public static async ValueTask<GridError> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        TimeSpan? retryAfter = response.Headers.RetryAfter?.Delta;
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
            WireEvent? received = await JsonSerializer.DeserializeAsync(body, ClientJson.Default.WireEvent, cancellation);
            if (received?.Error is { } error)
                return ToError(error, response.StatusCode, retryAfter);
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException)
        {
            // Not a gateway's body: a proxy's, or none. The status says what there is to say.
        }

        return new GridError(KindOf(null, response.StatusCode), $"The server answered {(int)response.StatusCode} ({response.ReasonPhrase}).", null, retryAfter);
    }

    public static GridError ToError(WireError error, HttpStatusCode? status, TimeSpan? retryAfter) =>
        new(KindOf(error.Code, status), error.Message, error.Param, retryAfter);

    private static GridErrorKind KindOf(string? code, HttpStatusCode? status) => code switch
    {
        "model_not_found" => GridErrorKind.ModelNotFound,
        "invalid_api_key" => GridErrorKind.Unauthenticated,
        "forbidden" => GridErrorKind.Forbidden,
        "not_found" => GridErrorKind.NotFound,
        "conflict" => GridErrorKind.Conflict,
        "request_too_large" => GridErrorKind.TooLarge,
        "rate_limit_exceeded" => GridErrorKind.RateLimited,
        "queue_full" => GridErrorKind.QueueFull,
        "context_length_exceeded" => GridErrorKind.ContextLengthExceeded,
        "unavailable" => GridErrorKind.Unavailable,
        "not_ready" => GridErrorKind.NotReady,
        "stopping" => GridErrorKind.Stopping,
        "version_withdrawn" => GridErrorKind.Withdrawn,
        "internal_error" => GridErrorKind.Internal,
        _ => status switch
        {
            HttpStatusCode.Unauthorized => GridErrorKind.Unauthenticated,
            HttpStatusCode.Forbidden => GridErrorKind.Forbidden,
            HttpStatusCode.TooManyRequests => GridErrorKind.RateLimited,
            >= HttpStatusCode.InternalServerError => GridErrorKind.Unavailable,
            _ => GridErrorKind.InvalidRequest,
        },
    };
}
