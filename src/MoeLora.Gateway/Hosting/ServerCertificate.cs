using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace MoeLora.Gateway.Hosting;

/// <summary>
/// A listener's certificate as its files are now. They are looked at whenever a connection begins, which costs little beside a handshake and sees files that are
/// replaced in any way, links included. While they cannot be used, the certificate before stays.
/// </summary>
internal sealed partial class ServerCertificate
{
    private readonly TlsOptions _options;
    private readonly Lock _reading = new();
    private volatile SslStreamCertificateContext _current;
    private byte[] _seen; // hash of the files as they were read last, usable or not

    /// <exception cref="ArgumentException">A file cannot be read, or holds no such certificate.</exception>
    public ServerCertificate(TlsOptions options)
    {
        _options = options;
        try
        {
            _seen = HashFiles();
            _current = Read();
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new ArgumentException($"The certificate file '{options.CertificateFile}' cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The certificate for a connection that begins.</summary>
    public SslStreamCertificateContext Now(ILogger logger)
    {
        if (!_reading.TryEnter())
            return _current; // another connection looks already
        try
        {
            byte[] files = HashFiles();
            if (files.AsSpan().SequenceEqual(_seen))
                return _current;
            _seen = files;
            _current = Read();
            LogReplaced(logger, _options.CertificateFile, _current.TargetCertificate.NotAfter);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            LogKept(logger, _options.CertificateFile, e);
        }
        finally
        {
            _reading.Exit();
        }

        return _current;
    }

    private SslStreamCertificateContext Read()
    {
        string file = _options.CertificateFile;
        var all = new X509Certificate2Collection();
        X509Certificate2 server;
        if (file.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".p12", StringComparison.OrdinalIgnoreCase))
        {
            all = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, _options.Password);
            server = all.FirstOrDefault(certificate => certificate.HasPrivateKey) ?? throw new CryptographicException("The file holds no certificate with its private key.");
        }
        else
        {
            all.ImportFromPemFile(file);
            server = _options.Password is null
                ? X509Certificate2.CreateFromPemFile(file, _options.KeyFile)
                : X509Certificate2.CreateFromEncryptedPemFile(file, _options.Password, _options.KeyFile);
        }

        return SslStreamCertificateContext.Create(server, all, offline: true);
    }

    /// <summary>A hash of both files; of the empty content where one is not there, so that its loss is told once.</summary>
    private byte[] HashFiles()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string? file in (string?[])[_options.CertificateFile, _options.KeyFile])
        {
            if (file is not null && File.Exists(file))
                hash.AppendData(File.ReadAllBytes(file));
            hash.AppendData([0]);
        }

        return hash.GetHashAndReset();
    }

    private static bool IsUnusable(Exception e) => e is CryptographicException or IOException or UnauthorizedAccessException;

    [LoggerMessage(Level = LogLevel.Warning, Message = "New connections get the certificate that is in '{File}' now; it ends at {End:u}.")]
    private static partial void LogReplaced(ILogger logger, string file, DateTime end);

    [LoggerMessage(Level = LogLevel.Error, Message = "The certificate file '{File}' was replaced and cannot be used; the certificate before is still shown.")]
    private static partial void LogKept(ILogger logger, string file, Exception exception);
}
