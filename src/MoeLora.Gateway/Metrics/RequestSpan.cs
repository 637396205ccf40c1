using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Metrics;

/// <summary>A span for each answer, a child of what the caller's <c>traceparent</c> names. Its tags hold no text of a prompt, an answer or a caller.</summary>
internal static class RequestSpan
{
    private static readonly ActivitySource Source = new(Telemetry.ActivitySource);

    /// <returns>Null when nobody listens.</returns>
    public static Activity? Start(HttpContext context, string name, TenantId tenant)
    {
        if (!Source.HasListeners())
            return null;

        // The server's own activity is nobody's span: a parent that is never sent would be missing in every trace.
        Activity.Current = null;
        ActivityContext.TryParse(context.Request.Headers.TraceParent, context.Request.Headers.TraceState, isRemote: true, out ActivityContext parent);
        Activity? span = Source.StartActivity(name, ActivityKind.Server, parent);
        span?.SetTag(Telemetry.TenantTag, tenant.Text);
        span?.SetTag("request_id", context.TraceIdentifier);
        return span;
    }

    public static void Finish(Activity? span, GenerationFinished finished)
    {
        if (span is null)
            return;
        Describe(span, finished.Provenance);
        span.SetTag("prompt_tokens", finished.Usage.PromptTokens);
        span.SetTag("completion_tokens", finished.Usage.CompletionTokens);
        span.SetTag("queue_seconds", finished.Timings.Queued.TotalSeconds);
        span.SetTag("prefill_seconds", finished.Timings.Prefill.TotalSeconds);
        span.SetTag("decode_seconds", finished.Timings.Decode.TotalSeconds);
    }

    public static void End(Activity? span, Provenance? provenance, string outcome, bool failed)
    {
        if (span is null)
            return;
        if (failed && provenance is not null)
            Describe(span, provenance);
        span.SetTag(Telemetry.OutcomeTag, outcome);
        if (failed)
            span.SetStatus(ActivityStatusCode.Error);
        span.Dispose();
    }

    private static void Describe(Activity span, Provenance provenance)
    {
        span.SetTag(Telemetry.BankTag, provenance.Bank);
        span.SetTag(Telemetry.TaskTag, provenance.Task);
        span.SetTag(Telemetry.VersionTag, provenance.Version);
        span.SetTag("mode", Wire.Name(provenance.Mode));
        span.SetTag("node", provenance.Node);
    }
}
