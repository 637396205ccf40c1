namespace MoeLora.Gateway.Errors;

/// <summary>OpenAI's shape of a failure: <c>{"error": {"message", "type", "param", "code"}}</c>.</summary>
internal sealed record ErrorResponse(ErrorBody Error);

/// <summary>The inside of an <see cref="ErrorResponse"/>.</summary>
internal sealed record ErrorBody(string Message, string Type, string? Param, string Code);
