using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary><see cref="GenerationTimings"/> in seconds.</summary>
/// <param name="QueuedSeconds">From admission to the prompt pass: waiting for others, and for the task's weights when this is their first use.</param>
/// <param name="PrefillSeconds">The prompt pass, to the first token.</param>
/// <param name="DecodeSeconds">From the first token to the last.</param>
/// <param name="DecodedTokens">Tokens made in that time: all but the first.</param>
internal sealed record AnswerTimings(double QueuedSeconds, double PrefillSeconds, double DecodeSeconds, int DecodedTokens)
{
    public static AnswerTimings From(GenerationTimings timings) =>
        new(timings.Queued.TotalSeconds, timings.Prefill.TotalSeconds, timings.Decode.TotalSeconds, timings.DecodedTokens);
}
