using MoeLora.Gateway.Hosting;

namespace MoeLora.Cli.Nodes;

/// <summary>Addresses and certificates of a listener.</summary>
internal sealed record ListenerSettings
{
    public required IReadOnlyList<string> Urls { get; init; }

    public TlsSettings? Tls { get; init; }

    /// <summary>All that is wrong, by the file's keys.</summary>
    /// <param name="key">The listener's.</param>
    public IEnumerable<string> FindProblems(string key)
    {
        if (Urls.Count == 0)
            yield return $"{key}.urls has no address to listen on.";
        for (int i = 0; i < Urls.Count; i++)
        {
            if (!Uri.TryCreate(Urls[i], UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https") || address.PathAndQuery != "/")
                yield return $"{key}.urls[{i}]: '{Urls[i]}' must be http://address:port or https://address:port.";
            else if (address.Scheme == "https" && Tls is null)
                yield return $"{key}.urls[{i}]: '{Urls[i]}' needs {key}.tls.";
        }

        foreach (string problem in Tls?.FindProblems($"{key}.tls") ?? [])
            yield return problem;
    }

    public ListenerOptions ToOptions() => new() { Urls = Urls, Tls = Tls?.ToOptions() };
}

/// <summary>Certificates of a listener.</summary>
internal sealed record TlsSettings
{
    public required string Certificate { get; init; }

    public string? Key { get; init; }

    /// <summary>A file whose first line opens an encrypted key or PKCS #12 file.</summary>
    public string? PasswordFile { get; init; }

    public string? ClientAuthority { get; init; }

    public bool CheckRevocation { get; init; }

    /// <summary>All files that are not there, by the file's keys.</summary>
    public IEnumerable<string> FindProblems(string key)
    {
        foreach ((string name, string? file) in ((string, string?)[])[("certificate", Certificate), ("key", Key), ("password_file", PasswordFile), ("client_authority", ClientAuthority)])
        {
            if (file is not null && !File.Exists(file))
                yield return $"{key}.{name}: there is no file '{file}'.";
        }
    }

    public TlsOptions ToOptions() => new()
    {
        CertificateFile = Certificate,
        KeyFile = Key,
        Password = PasswordFile is null ? null : File.ReadLines(PasswordFile).FirstOrDefault() ?? "",
        ClientAuthorityFile = ClientAuthority,
        CheckRevocation = CheckRevocation,
    };
}
