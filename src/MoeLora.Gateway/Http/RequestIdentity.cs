using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace MoeLora.Gateway.Http;

/// <summary>Gives each request an id of our own, which its answer and every log line of it carry.</summary>
internal sealed class RequestIdentity(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        context.TraceIdentifier = RandomNumberGenerator.GetHexString(24, lowercase: true);
        context.Response.Headers["X-Request-Id"] = context.TraceIdentifier;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return next(context);
    }
}
