using MoeLora.Engine.Generation;

namespace MoeLora.Serving.Requests;

/// <summary>A request that was checked against a base model and can run on it.</summary>
internal sealed record PreparedRequest(int[] Prompt, GenerationSettings Settings);
