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
            (X509Certificate2 own, X509Certificate2Collection intermediates, X509Certificate2Collection authority) = Load();
            using (own)
            {
                if (FindProblem(own, intermediates, authority) is { } problem)
                    problems.Add($"certificate: it is not of the authority, so no other silo would accept it: {problem}");
            }
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

    /// <summary>Whether a certificate is of the cluster's authority.</summary>
    /// <returns>Why it is not; null when it is.</returns>
    internal static string? FindProblem(X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ExtraStore.AddRange(intermediates);
        return chain.Build(certificate) ? null : string.Join(" ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct(StringComparer.Ordinal));
    }

    /// <summary>Reads the files: the certificate with its key, those between it and the authority, which its file may hold too, and the authority's.</summary>
    /// <exception cref="CryptographicException">One is no certificate or no key of it.</exception>
    internal (X509Certificate2 Own, X509Certificate2Collection Intermediates, X509Certificate2Collection Authority) Load()
    {
        using X509Certificate2 read = X509Certificate2.CreateFromPemFile(Certificate, Key);
        var intermediates = new X509Certificate2Collection();
        intermediates.ImportFromPemFile(Certificate);
        intermediates.RemoveAt(0); // the certificate itself
        var authority = new X509Certificate2Collection();
        authority.ImportFromPemFile(Authority);
        if (authority.Count == 0)
            throw new CryptographicException($"'{Authority}' holds no certificate.");
        // Not every system's TLS takes a key that was only ever in memory.
        return (X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null), intermediates, authority);
    }
}
