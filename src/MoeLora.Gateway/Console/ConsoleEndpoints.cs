using Microsoft.AspNetCore.Http;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Console;

/// <summary>
/// The console page, <c>/console/</c>, and the two things that it asks for besides the administration's own routes: whether a key is needed
/// and who the caller is. The files hold no secret, so everybody may read them; all data comes by calls that prove who asks.
/// </summary>
internal sealed class ConsoleEndpoints(ConsoleFiles files, GatewayParts parts, GatewayOptions options)
{
    private const string Page = "index.html";

    // Only its own scripts, styles and calls; no text ever becomes markup or script; nobody frames it.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    public Task ReadAsync(HttpContext context)
    {
        string? name = context.Request.RouteValues["file"] as string;
        if (name is null && !context.Request.Path.Value!.EndsWith('/'))
        {
            // The page's addresses are relative, so that it works below any prefix of a proxy.
            context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
            context.Response.Headers.Location = "console/";
            return Task.CompletedTask;
        }

        if (files.Find(name ?? Page) is not { } file)
            return Answer.WriteAsync(context, ApiError.FromStatus(StatusCodes.Status404NotFound, context.Request));

        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-cache";
        headers.ETag = file.Tag;
        if (context.Request.Headers.IfNoneMatch.Contains(file.Tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        context.Response.ContentType = file.ContentType;
        context.Response.ContentLength = file.Bytes.Length;
        return context.Response.Body.WriteAsync(file.Bytes, context.RequestAborted).AsTask();
    }

    public Task DescribeAsync(HttpContext context) => Answer.WriteAsync(
        context,
        StatusCodes.Status200OK,
        new ConsoleSettings(
            !options.AllowAnonymous, parts.Overview is not null, parts.Silos is not null, parts.Rollouts is not null, parts.Tenants is not null, parts.Audit is not null,
            [.. parts.Pages.Select(pages => new ConsoleLink(pages.Title, pages.Path))]),
        ConsoleJson.Readable.ConsoleSettings);

    public Task IdentifyAsync(HttpContext context)
    {
        Contracts.Tenants.Caller caller = context.Caller();
        return Answer.WriteAsync(context, StatusCodes.Status200OK, new CallerIdentity(caller.Tenant.Text, caller.Subject, RoleNames.Each(caller.Roles)), ConsoleJson.Readable.CallerIdentity);
    }
}
