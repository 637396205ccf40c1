using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MoeLora.Grid.Hosting.Tls;

/// <summary>
/// TLS between silos, and between silos and their clients. Each side shows a certificate of the cluster's own authority and accepts no other: whoever has one is part
/// of the cluster. Names in certificates are not looked at, because silos are known by their addresses.
/// </summary>
public sealed record ClusterTlsOptions
{
    /// <summary>The certificate, PEM.</summary>
    public required string Certificate { get; init; }

    /// <summary>Its private key, PEM; null where the certificate's file holds it.</summary>
    public string? Key { get; init; }

    /// <summary>The certificates of the cluster's authority, PEM.</summary>
    public required string Authority { get; init; }

    /// <summary>Everything that is wrong, each with its key; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        FindMissing("certificate", Certificate);
        FindMissing("authority", Authority);
        if (Key is not null)
            FindMissing("key", Key);
        if (problems.Count > 0)
            return problems;
        try
        {
            Load().Own.Dispose();
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            problems.Add($"it cannot be used: {e.Message}");
        }

        return problems;

        void FindMissing(string key, string file)
        {
            if (!File.Exists(file))
                problems.Add($"{key}: there is no file '{file}'.");
        }
    }

    /// <summary>Reads the files.</summary>
    /// <exception cref="CryptographicException">One is no certificate or no key of it.</exception>
    internal (X509Certificate2 Own, X509Certificate2Collection Authority) Load()
    {
        using X509Certificate2 read = X509Certificate2.CreateFromPemFile(Certificate, Key);
        var authority = new X509Certificate2Collection();
        authority.ImportFromPemFile(Authority);
        if (authority.Count == 0)
            throw new CryptographicException($"'{Authority}' holds no certificate.");
        // Not every system's TLS takes a key that was only ever in memory.
        return (X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null), authority);
    }
}
