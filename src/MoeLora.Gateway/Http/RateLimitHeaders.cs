using System.Globalization;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Http;

/// <summary>OpenAI's headers of what is left of a tenant's limits.</summary>
internal static class RateLimitHeaders
{
    public static void Set(IHeaderDictionary headers, TenantBudget? budget)
    {
        if (budget?.Requests is { } requests)
            Set(headers, "requests", requests);
        if (budget?.Tokens is { } tokens)
            Set(headers, "tokens", tokens);
    }

    private static void Set(IHeaderDictionary headers, string what, BudgetLine line)
    {
        headers[$"x-ratelimit-limit-{what}"] = line.Limit.ToString(CultureInfo.InvariantCulture);
        headers[$"x-ratelimit-remaining-{what}"] = line.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[$"x-ratelimit-reset-{what}"] = Duration(line.Reset);
    }

    /// <summary>Such as <c>120ms</c>, <c>7.66s</c>, <c>1m0s</c>.</summary>
    private static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(long)Math.Ceiling(time.TotalMilliseconds)}ms"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.##}s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMinutes}m{time.Seconds}s"),
    };
}
