using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace MoeLora.Gateway.Hosting;

/// <summary>A listener's certificates, and who may connect to it.</summary>
internal sealed class ListenerTls
{
    private readonly X509Certificate2Collection _authorities = [];
    private readonly X509RevocationMode _revocation;
    private readonly ServerCertificate _certificate;

    /// <exception cref="ArgumentException">A file cannot be read, or holds no such certificate.</exception>
    public ListenerTls(TlsOptions options)
    {
        _revocation = options.CheckRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck;
        _certificate = new ServerCertificate(options);
        if (options.ClientAuthorityFile is { } file)
        {
            Read(file, () =>
            {
                _authorities.ImportFromPemFile(file);
                return _authorities.Count > 0 ? _authorities : throw new CryptographicException("The file holds no certificate.");
            });
        }
    }

    /// <param name="https">What a listener is told.</param>
    /// <param name="logger">Where it is said that the certificate was replaced, or could not be.</param>
    public void Apply(HttpsConnectionAdapterOptions https, ILogger logger)
    {
        https.ServerCertificate = _certificate.Now(logger).TargetCertificate; // Kestrel wants one; each connection then gets the present one with its chain
        https.OnAuthenticate = (_, connection) => connection.ServerCertificateContext = _certificate.Now(logger);
        https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        https.HandshakeTimeout = TimeSpan.FromSeconds(10);
        if (_authorities.Count == 0)
            return;
        https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        https.ClientCertificateValidation = (certificate, presented, _) => IsTrusted(certificate, presented);
    }

    /// <summary>Whether one of the authorities, and no other that the machine may trust, vouches for a client.</summary>
    private bool IsTrusted(X509Certificate2 certificate, X509Chain? presented)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        if (presented is not null)
            chain.ChainPolicy.ExtraStore.AddRange(presented.ChainPolicy.ExtraStore);
        chain.ChainPolicy.RevocationMode = _revocation;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2")); // for clients
        return chain.Build(certificate);
    }

    private static T Read<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"The certificate file '{file}' cannot be used: {e.Message}", e);
        }
    }
}
