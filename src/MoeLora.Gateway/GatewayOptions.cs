using MoeLora.Gateway.Access;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Gateway;

/// <summary>What an operator may set.</summary>
public sealed class GatewayOptions
{
    /// <summary>Where inference is served.</summary>
    public ListenerOptions Public { get; set; } = new() { Urls = ["http://127.0.0.1:8080"] };

    /// <summary>Where administration is served: never where inference is. Null serves none.</summary>
    public ListenerOptions? Administration { get; set; }

    /// <summary>
    /// Takes callers without a key as the tenant <c>local</c>: for inference from everywhere, with all roles from this machine itself.
    /// Nothing else turns authentication off.
    /// </summary>
    public bool AllowAnonymous { get; set; }

    /// <summary>Takes tokens of an OpenID Connect issuer besides keys; null takes none.</summary>
    public OidcOptions? Oidc { get; set; }

    /// <summary>Largest JSON body in bytes, with or without a declared length. At least 1; 1 MiB by default.</summary>
    public long MaxRequestBodyBytes { get; set; } = 1 << 20;

    /// <summary>Largest adapter bundle in bytes. At least 1; 8 GiB by default.</summary>
    public long MaxBundleBytes { get; set; } = 8L << 30;

    /// <summary>Most connections of each listener at once; further ones are closed unanswered. At least 1; 1000 by default.</summary>
    public long MaxConnections { get; set; } = 1000;

    /// <summary>Largest head of a request in bytes, all its lines together. At least 1024; 32 KiB by default.</summary>
    public int MaxHeaderBytes { get; set; } = 32 * 1024;

    /// <summary>In which all of a request's head must be there. 15 seconds by default.</summary>
    public TimeSpan HeaderTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>In which all of a JSON body must be there. 30 seconds by default.</summary>
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>After which a connection without a request is closed. 2 minutes by default.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a stopping gateway lets running answers go on. 30 seconds by default.</summary>
    public TimeSpan DrainDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Most time series of one instrument on <c>/metrics</c>; what comes after is counted together as <c>other</c>. At least 1; 2000 by default.</summary>
    public int MaxSeries { get; set; } = 2000;

    /// <summary>Where traces and metrics are sent in OTLP over HTTP (protobuf), such as <c>http://collector:4318</c>; null sends none.</summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary>All that is wrong with these options, each a sentence; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems(GatewayParts parts)
    {
        var problems = new List<string>();
        AtLeast(nameof(MaxRequestBodyBytes), MaxRequestBodyBytes, 1);
        AtLeast(nameof(MaxBundleBytes), MaxBundleBytes, 1);
        AtLeast(nameof(MaxConnections), MaxConnections, 1);
        AtLeast(nameof(MaxHeaderBytes), MaxHeaderBytes, 1024);
        AtLeast(nameof(MaxSeries), MaxSeries, 1);
        Positive(nameof(HeaderTimeout), HeaderTimeout);
        Positive(nameof(BodyTimeout), BodyTimeout);
        Positive(nameof(IdleTimeout), IdleTimeout);
        if (DrainDeadline < TimeSpan.Zero)
            problems.Add($"{nameof(DrainDeadline)} must not be negative.");
        if (OtlpEndpoint is { } endpoint && !(endpoint.IsAbsoluteUri && endpoint.Scheme is "http" or "https"))
            problems.Add($"{nameof(OtlpEndpoint)} must be an absolute http or https address.");
        if (parts.Tenants is null && Oidc is null && !AllowAnonymous)
            problems.Add($"Nobody could call: there are no keys and no issuer of tokens. Configure one, or set {nameof(AllowAnonymous)} to serve without authentication.");
        problems.AddRange(Public.FindProblems(nameof(Public)));
        if (Administration is { } administration)
        {
            problems.AddRange(administration.FindProblems(nameof(Administration)));
            if (Public.Urls.Intersect(administration.Urls).Any(url => !url.EndsWith(":0", StringComparison.Ordinal)))
                problems.Add("Administration must have addresses of its own, not those of inference.");
        }

        if (Oidc is { } oidc)
            problems.AddRange(oidc.FindProblems());
        return problems;

        void AtLeast(string name, long value, long least)
        {
            if (value < least)
                problems.Add($"{name} must be at least {least}.");
        }

        void Positive(string name, TimeSpan value)
        {
            if (value <= TimeSpan.Zero)
                problems.Add($"{name} must be above zero.");
        }
    }
}
