using System.Text;
using Microsoft.AspNetCore.Http;

namespace MoeLora.Gateway.Access;

/// <summary>A key that a browser's own dialogue asked for: HTTP Basic, the key as the password. Only pages are read so: a browser also sends it with calls that other sites cause.</summary>
internal static class BrowserKey
{
    public const string Challenge = "Basic realm=\"moelora: the key is the password\", charset=\"UTF-8\"";

    private const string Scheme = "Basic ";

    /// <summary>Puts the key where every other caller sends it. What is no such header stays.</summary>
    public static void Translate(HttpRequest request)
    {
        string? header = request.Headers.Authorization;
        if (header is null || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return;
        Span<byte> pair = stackalloc byte[512];
        if (Convert.TryFromBase64String(header[Scheme.Length..].Trim(), pair, out int length) && pair[..length].IndexOf((byte)':') is var colon and >= 0)
            request.Headers.Authorization = $"Bearer {Encoding.UTF8.GetString(pair[(colon + 1)..length])}";
    }
}
