using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace MoeLora.Gateway.Http;

/// <summary>Gives each request an id of our own, which its answer and every log line of it carry, and tells the time until the answer began.</summary>
internal sealed class RequestIdentity(RequestDelegate next, TimeProvider time)
{
    public Task InvokeAsync(HttpContext context)
    {
        long started = time.GetTimestamp();
        context.TraceIdentifier = RandomNumberGenerator.GetHexString(24, lowercase: true);
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.OnStarting(() =>
        {
            double milliseconds = time.GetElapsedTime(started).TotalMilliseconds;
            context.Response.Headers["openai-processing-ms"] = ((long)milliseconds).ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        return next(context);
    }
}
