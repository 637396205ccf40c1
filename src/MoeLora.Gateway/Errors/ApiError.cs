using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Errors;

/// <summary>A refusal as HTTP sees it, in the words of OpenAI's errors.</summary>
internal sealed record ApiError(int Status, string Type, string Code, string Message, string? Param = null, TimeSpan? RetryAfter = null)
{
    private const string CallerType = "invalid_request_error";
    private const string ServerType = "server_error";

    /// <summary>A refusal that the caller can mend.</summary>
    public static ApiError Caller(int status, string code, string message, string? param = null) => new(status, CallerType, code, message, param);

    public static ApiError From(GridError error) => error.Kind switch
    {
        GridErrorKind.InvalidRequest => Caller(StatusCodes.Status400BadRequest, "invalid_value", error.Message, error.Param),
        GridErrorKind.ModelNotFound => Caller(StatusCodes.Status404NotFound, "model_not_found", error.Message, error.Param ?? "model"),
        GridErrorKind.Unauthenticated => Caller(StatusCodes.Status401Unauthorized, "invalid_api_key", error.Message),
        GridErrorKind.Forbidden => Caller(StatusCodes.Status403Forbidden, "forbidden", error.Message, error.Param),
        GridErrorKind.NotFound => Caller(StatusCodes.Status404NotFound, "not_found", error.Message, error.Param),
        GridErrorKind.Conflict => Caller(StatusCodes.Status409Conflict, "conflict", error.Message, error.Param),
        GridErrorKind.TooLarge => Caller(StatusCodes.Status413PayloadTooLarge, "request_too_large", error.Message, error.Param),
        GridErrorKind.RateLimited => new ApiError(StatusCodes.Status429TooManyRequests, "rate_limit_error", "rate_limit_exceeded", error.Message, null, error.RetryAfter ?? TimeSpan.FromSeconds(1)),
        GridErrorKind.Unavailable => new ApiError(StatusCodes.Status503ServiceUnavailable, ServerType, "unavailable", error.Message, null, error.RetryAfter ?? TimeSpan.FromSeconds(1)),
        GridErrorKind.ContextLengthExceeded => Caller(StatusCodes.Status400BadRequest, "context_length_exceeded", error.Message, error.Param),
        GridErrorKind.QueueFull => new ApiError(StatusCodes.Status429TooManyRequests, "rate_limit_error", "queue_full", error.Message, null, error.RetryAfter ?? TimeSpan.FromSeconds(1)),
        GridErrorKind.NotReady => new ApiError(StatusCodes.Status503ServiceUnavailable, ServerType, "not_ready", error.Message, null, error.RetryAfter ?? TimeSpan.FromSeconds(1)),
        GridErrorKind.Stopping => new ApiError(StatusCodes.Status503ServiceUnavailable, ServerType, "stopping", error.Message, null, error.RetryAfter),
        GridErrorKind.Withdrawn => new ApiError(StatusCodes.Status503ServiceUnavailable, ServerType, "version_withdrawn", error.Message, null, error.RetryAfter),
        GridErrorKind.Internal => new ApiError(StatusCodes.Status500InternalServerError, ServerType, "internal_error", error.Message),
        _ => throw new ArgumentOutOfRangeException(nameof(error), error.Kind, "Unknown kind of error."),
    };

    /// <summary>What a status without a body of its own means.</summary>
    public static ApiError FromStatus(int status, HttpRequest request) => status switch
    {
        StatusCodes.Status404NotFound => Caller(status, "not_found", $"There is nothing at {request.Path}."),
        StatusCodes.Status405MethodNotAllowed => Caller(status, "method_not_allowed", $"{request.Path} does not take {request.Method}; the Allow header names what it takes."),
        StatusCodes.Status413PayloadTooLarge => Caller(status, "request_too_large", "The request body is larger than this server allows."),
        StatusCodes.Status408RequestTimeout => Caller(status, "request_timeout", "The request body arrived too slowly."),
        >= 500 => new ApiError(status, ServerType, "internal_error", $"The request failed. The server's log has the reason under {request.HttpContext.TraceIdentifier}."),
        _ => Caller(status, "bad_request", "The request is not valid HTTP."),
    };

    /// <summary>One error for several problems: all messages, and the first one's code and parameter.</summary>
    public static ApiError Combine(IReadOnlyList<ApiError> problems) =>
        problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) };

    public ErrorResponse ToResponse() => new(new ErrorBody(Message, Type, Param, Code));
}
