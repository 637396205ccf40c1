namespace MoeLora.Gateway.Hosting;

/// <summary>Addresses to listen on, and how they are secured.</summary>
public sealed record ListenerOptions
{
    /// <summary>Such as <c>http://127.0.0.1:8080</c> or <c>https://0.0.0.0:8443</c>. Port 0 takes a free one.</summary>
    public required IReadOnlyList<string> Urls { get; init; }

    /// <summary>Certificates; needed where an address begins with https.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>All that is wrong, each a sentence.</summary>
    internal IEnumerable<string> FindProblems(string name)
    {
        if (Urls.Count == 0)
            yield return $"{name} has no address to listen on.";
        foreach (string url in Urls)
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https") || address.PathAndQuery != "/")
                yield return $"{name}: '{url}' must be http://address:port or https://address:port.";
            else if (address.Scheme == "https" && Tls is null)
                yield return $"{name}: '{url}' needs a certificate.";
        }

        if (Tls is not null && !Urls.Any(url => url.StartsWith("https:", StringComparison.OrdinalIgnoreCase)))
            yield return $"{name} has a certificate, but no address that begins with https.";
    }
}

/// <summary>Certificates of a listener, read when it starts.</summary>
public sealed record TlsOptions
{
    /// <summary>The server's certificate: PEM (with intermediate certificates after it), or PKCS #12 when it ends in <c>.pfx</c> or <c>.p12</c>.</summary>
    public required string CertificateFile { get; init; }

    /// <summary>Its private key in PEM; null for PKCS #12, and where the certificate's file holds it.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Opens an encrypted key or PKCS #12 file.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// Certificates in PEM of the authorities whose clients are let in. With it, every client must show a certificate of theirs
    /// (mutual TLS), in addition to its key. Null asks for none.
    /// </summary>
    public string? ClientAuthorityFile { get; init; }

    /// <summary>Whether clients' certificates are looked up in their authority's revocation lists (needs the authority's network address).</summary>
    public bool CheckRevocation { get; init; }
}
