using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Grid.Hosting.Tls;
using MoeLora.Serving.Tests;

namespace MoeLora.Grid.Tests.Hosting;

/// <summary>Certificates of a cluster that are renewed while it runs.</summary>
public sealed class ClusterCertificateTests : IDisposable
{
    private static readonly DateTimeOffset Begin = DateTimeOffset.UtcNow.AddDays(-1);

    private readonly TemporaryDirectory _directory = new();
    private readonly X509Certificate2 _authority = NewAuthority();

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Renewed_IsShownByNewConnections()
    {
        Write(_authority, Begin.AddDays(2));
        ClusterCertificate here = Open(), there = Open();
        ClusterCertificate.TlsEnds before = here.Now();
        Assert.Same(before, here.Now());

        Write(_authority, Begin.AddDays(90));

        Assert.Equal(Begin.AddDays(90).UtcDateTime, (await ConnectAsync(here, there)).ToUniversalTime(), TimeSpan.FromSeconds(1));
        Assert.NotSame(before, here.Now());
    }

    [Fact]
    public void Renewed_ByFilesThatCannotBeUsed_IsNot_AndIsOnceTheyCan()
    {
        Write(_authority, Begin.AddDays(2));
        ClusterCertificate certificate = Open();
        ClusterCertificate.TlsEnds before = certificate.Now();

        File.WriteAllText(_directory["cert.pem"], "half a fi");
        Assert.Same(before, certificate.Now());
        File.Delete(_directory["key.pem"]);
        Assert.Same(before, certificate.Now());
        using X509Certificate2 stranger = NewAuthority();
        Write(stranger, Begin.AddDays(90), authorities: [_authority]);
        Assert.Same(before, certificate.Now());

        Write(_authority, Begin.AddDays(90));
        Assert.Equal(Begin.AddDays(90).UtcDateTime, certificate.Now().End.ToUniversalTime(), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Authority_ThatIsExchanged_IsAcceptedBesideTheOldOne()
    {
        using X509Certificate2 next = NewAuthority();
        Write(_authority, Begin.AddDays(2), authorities: [_authority, next]);
        using var elsewhere = new TemporaryDirectory();
        Write(next, Begin.AddDays(90), elsewhere, [_authority, next]);

        Assert.Equal(Begin.AddDays(90).UtcDateTime, (await ConnectAsync(Open(elsewhere), Open())).ToUniversalTime(), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Stranger_IsRefused()
    {
        Write(_authority, Begin.AddDays(2));
        using var elsewhere = new TemporaryDirectory();
        using X509Certificate2 authority = NewAuthority();
        Write(authority, Begin.AddDays(2), elsewhere);

        await Assert.ThrowsAsync<AuthenticationException>(() => ConnectAsync(Open(), Open(elsewhere)));
    }

    private ClusterCertificate Open(TemporaryDirectory? directory = null) => new(
        new ClusterTlsOptions { Certificate = (directory ?? _directory)["cert.pem"], Key = (directory ?? _directory)["key.pem"], Authority = (directory ?? _directory)["authority.pem"] },
        NullLogger<ClusterCertificate>.Instance);

    /// <returns>When the certificate ends that the server showed.</returns>
    private static async Task<DateTime> ConnectAsync(ClusterCertificate server, ClusterCertificate client)
    {
        (Stream here, Stream there) = await LoopbackAsync();
        await using var answering = new SslStream(here);
        await using var asking = new SslStream(there);
        // The one that is refused tells the other by ending the connection.
        Task answered = answering.AuthenticateAsServerAsync(server.Now().Server);
        Task asked = asking.AuthenticateAsClientAsync(client.Now().Client);
        await Task.WhenAny(answered, asked).Unwrap();
        await Task.WhenAll(answered, asked);
        return new X509Certificate2(asking.RemoteCertificate!).NotAfter;
    }

    private static async Task<(Stream Here, Stream There)> LoopbackAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        Task connect = client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        TcpClient accepted = await listener.AcceptTcpClientAsync();
        await connect;
        return (accepted.GetStream(), client.GetStream());
    }

    private static X509Certificate2 NewAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=authority {Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(Begin, Begin.AddDays(400));
    }

    /// <summary>Writes a silo's files.</summary>
    private void Write(X509Certificate2 issuer, DateTimeOffset end, TemporaryDirectory? directory = null, X509Certificate2[]? authorities = null)
    {
        directory ??= _directory;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=silo", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.Create(issuer, Begin, end, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(directory["cert.pem"], certificate.ExportCertificatePem());
        File.WriteAllText(directory["key.pem"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(directory["authority.pem"], string.Join('\n', (authorities ?? [issuer]).Select(authority => authority.ExportCertificatePem())));
    }
}
