using MoeLora.Contracts;

namespace MoeLora.Gateway.Parameters;

/// <summary>What to generate, and how to answer.</summary>
internal sealed record GenerationCall(GenerationRequest Request, bool Stream, bool IncludeUsage);
