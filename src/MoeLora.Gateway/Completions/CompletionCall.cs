using MoeLora.Contracts;

namespace MoeLora.Gateway.Completions;

/// <summary>A call of <c>/v1/completions</c>: what to generate, and how to answer.</summary>
internal sealed record CompletionCall(GenerationRequest Request, bool Stream, bool IncludeUsage);
