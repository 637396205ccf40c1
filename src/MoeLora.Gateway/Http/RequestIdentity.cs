using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using MoeLora.Gateway.Metrics;

namespace MoeLora.Gateway.Http;

/// <summary>Gives each request an id of our own, which its answer and every log line of it carry, tells the time until the answer began, and counts it.</summary>
internal sealed class RequestIdentity(RequestDelegate next, RequestMetrics metrics, GatewayParts parts)
{
    public async Task InvokeAsync(HttpContext context)
    {
        long started = parts.Time.GetTimestamp();
        context.TraceIdentifier = RandomNumberGenerator.GetHexString(24, lowercase: true);
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.OnStarting(() =>
        {
            long milliseconds = (long)parts.Time.GetElapsedTime(started).TotalMilliseconds;
            context.Response.Headers["openai-processing-ms"] = milliseconds.ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        await next(context);
        metrics.Answered((context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText, context.Response.StatusCode);
    }
}
