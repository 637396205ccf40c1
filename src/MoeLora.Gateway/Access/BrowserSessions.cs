using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace MoeLora.Gateway.Access;

/// <summary>
/// Tickets with which a browser reads pages that it asks for by itself, once the console has proven a key: a cookie that goes to such a page's path alone, that no
/// script can read and that no other site's call carries. It stands for the header that it was made with, which is checked anew each time: the ticket of a key that was revoked is
/// worth nothing. Tickets are in memory only, and end after eight hours.
/// </summary>
internal sealed class BrowserSessions(TimeProvider time)
{
    private const int Most = 1000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(8);

    private readonly ConcurrentDictionary<string, (string Header, DateTimeOffset Ends)> _tickets = new(StringComparer.Ordinal);

    /// <summary>Gives the caller a ticket for the path that lies above that of its call. A caller who needs no key needs no ticket.</summary>
    public Task BeginAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        string? header = context.Request.Headers.Authorization;
        if (string.IsNullOrEmpty(header))
            return Task.CompletedTask;
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string old, _) in _tickets.OrderBy(ticket => ticket.Value.Ends).Where((ticket, i) => ticket.Value.Ends <= now || i <= _tickets.Count - Most))
            _tickets.TryRemove(old, out _);
        string ticket = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        _tickets[Key(ticket)] = (header, now + Lifetime);
        context.Response.Cookies.Append(Name(context), ticket, Options(context));
        return Task.CompletedTask;
    }

    /// <summary>Takes the caller's ticket back.</summary>
    public Task EndAsync(HttpContext context)
    {
        if (context.Request.Cookies[Name(context)] is { } ticket)
            _tickets.TryRemove(Key(ticket), out _);
        context.Response.Cookies.Delete(Name(context), Options(context));
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    /// <summary>Puts the header that a ticket stands for where every other caller sends it. A header that is there stays.</summary>
    public void Translate(HttpContext context)
    {
        IHeaderDictionary headers = context.Request.Headers;
        if (headers.Authorization.Count == 0 && context.Request.Cookies[Name(context)] is { } ticket
            && _tickets.TryGetValue(Key(ticket), out (string Header, DateTimeOffset Ends) found) && found.Ends > time.GetUtcNow())
            headers.Authorization = found.Header;
    }

    // A host's cookies go to all of its ports: two nodes of one machine must not overwrite each other's.
    private static string Name(HttpContext context) => $"moelora-pages-{context.Connection.LocalPort}";

    // Looked up by hash, so that how long a look takes says nothing of a ticket.
    private static string Key(string ticket) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ticket)));

    // Without a path the browser takes that of the call's folder, which is the page's, also behind a proxy that puts a prefix before it.
    private static CookieOptions Options(HttpContext context) => new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = context.Request.IsHttps, Path = null };
}
