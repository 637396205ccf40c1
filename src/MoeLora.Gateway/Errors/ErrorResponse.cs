namespace MoeLora.Gateway.Errors;

/// <summary>OpenAI's shape of a failure: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
/// <param name="Error">What failed.</param>
internal sealed record ErrorResponse(ErrorBody Error);

/// <summary>The inside of an <see cref="ErrorResponse"/>.</summary>
/// <param name="Message">What is wrong and how to mend it, for a person.</param>
/// <param name="Type"><c>invalid_request_error</c>, <c>rate_limit_error</c> or <c>server_error</c>.</param>
/// <param name="Param">The parameter that it is about; null for none.</param>
/// <param name="Code">What is wrong, for programs.</param>
internal sealed record ErrorBody(string Message, string Type, string? Param, string Code);
