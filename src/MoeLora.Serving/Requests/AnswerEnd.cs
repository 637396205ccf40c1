using MoeLora.Contracts;
using MoeLora.Engine.Batching;

namespace MoeLora.Serving.Requests;

/// <summary>How a request ended, before its reader is told.</summary>
/// <param name="Result">What the engine did.</param>
/// <param name="Last">The last event: finished or failed; null when there is none, because it was cancelled or a bug broke it.</param>
/// <param name="Fingerprint">Of all token ids by answer: equal answers have equal ones.</param>
internal readonly record struct AnswerEnd(EngineResult Result, GenerationEvent? Last, ulong Fingerprint);
