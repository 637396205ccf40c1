using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary><see cref="GenerationTimings"/> in seconds.</summary>
internal sealed record AnswerTimings(double QueuedSeconds, double PrefillSeconds, double DecodeSeconds, int DecodedTokens)
{
    public static AnswerTimings From(GenerationTimings timings) =>
        new(timings.Queued.TotalSeconds, timings.Prefill.TotalSeconds, timings.Decode.TotalSeconds, timings.DecodedTokens);
}
