using System.Diagnostics;
using OpenTelemetry.Trace;

namespace MoeLora.Gateway.Metrics;

/// <summary>
/// Keeps traces of answers whole and leaves out what would drown them: the calls that silos and applications make to each other all the time, which no answer asked for, and
/// one span for each piece of an answer's stream between silos. Whether a caller's own trace is sampled is the caller's decision.
/// </summary>
internal sealed class AnswerSampler : Sampler
{
    private static readonly SamplingResult Keep = new(SamplingDecision.RecordAndSample), Drop = new(SamplingDecision.Drop);

    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        // Calls between silos are named INTERFACE/METHOD; ours are words.
        string name = samplingParameters.Name;
        bool isAsked = samplingParameters.ParentContext.TraceId == default
            ? !name.Contains('/') || (samplingParameters.Kind == ActivityKind.Server && name.Contains("/StartEnumeration", StringComparison.Ordinal)) // of an application that traces nothing itself
            : (samplingParameters.ParentContext.TraceFlags & ActivityTraceFlags.Recorded) != 0;
        return isAsked && !name.Contains("/MoveNext", StringComparison.Ordinal) ? Keep : Drop;
    }
}
