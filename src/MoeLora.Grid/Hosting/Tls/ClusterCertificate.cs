using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace MoeLora.Grid.Hosting.Tls;

/// <summary>
/// What a silo or client shows and accepts, as its files are now: they are renewed while it runs. They are looked at whenever a connection begins; while they cannot be
/// used, those before stay.
/// </summary>
internal sealed partial class ClusterCertificate
{
    private readonly ClusterTlsOptions _options;
    private readonly ILogger<ClusterCertificate> _logger;
    private readonly Lock _reading = new();
    private volatile TlsEnds _current;
    private byte[] _seen; // hash of the files as they were read last, usable or not

    /// <param name="options">Options without problems.</param>
    /// <param name="logger">Where it is said that the files were replaced.</param>
    public ClusterCertificate(ClusterTlsOptions options, ILogger<ClusterCertificate> logger)
    {
        (_options, _logger) = (options, logger);
        _seen = HashFiles();
        _current = Read();
    }

    /// <summary>The two ends of a connection that begins.</summary>
    public TlsEnds Now()
    {
        if (!_reading.TryEnter())
            return _current; // another connection looks already
        try
        {
            byte[] files = HashFiles();
            if (files.AsSpan().SequenceEqual(_seen))
                return _current;
            _current = Read();
            _seen = files;
            LogReplaced(_options.Certificate, _current.End);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            // Files are replaced one after the other: the next connection looks again.
            LogKept(_options.Certificate, e);
        }
        finally
        {
            _reading.Exit();
        }

        return _current;
    }

    private TlsEnds Read()
    {
        (X509Certificate2 own, X509Certificate2Collection intermediates, X509Certificate2Collection authority) = _options.Load();
        if (ClusterTlsOptions.FindProblem(own, intermediates, authority) is { } problem)
            throw new CryptographicException($"It is not of the authority, so no other silo would accept it: {problem}");
        SslStreamCertificateContext certificate = SslStreamCertificateContext.Create(own, intermediates, offline: true);
        const SslProtocols protocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        return new TlsEnds(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = IsOfCluster,
                EnabledSslProtocols = protocols,
            },
            new SslClientAuthenticationOptions
            {
                TargetHost = "moelora",
                ClientCertificateContext = certificate,
                RemoteCertificateValidationCallback = IsOfCluster,
                EnabledSslProtocols = protocols,
            },
            own.NotAfter);

        bool IsOfCluster(object sender, X509Certificate? remote, X509Chain? sent, SslPolicyErrors errors) =>
            remote is X509Certificate2 shown && ClusterTlsOptions.FindProblem(shown, sent?.ChainPolicy.ExtraStore ?? [], authority) is null;
    }

    private byte[] HashFiles()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string? file in (string?[])[_options.Certificate, _options.Key, _options.Authority])
        {
            if (file is not null)
                hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        }

        return hash.GetHashAndReset();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "New connections within the cluster show the certificate that is in '{File}' now; it ends at {End:u}.")]
    private partial void LogReplaced(string file, DateTime end);

    [LoggerMessage(Level = LogLevel.Error, Message = "The cluster's certificate in '{File}' or its key or authority was replaced and cannot be used; what was read before still is.")]
    private partial void LogKept(string file, Exception exception);

    /// <param name="Server">For connections from others.</param>
    /// <param name="Client">For connections to others.</param>
    /// <param name="End">When the certificate ends.</param>
    public sealed record TlsEnds(SslServerAuthenticationOptions Server, SslClientAuthenticationOptions Client, DateTime End);
}
