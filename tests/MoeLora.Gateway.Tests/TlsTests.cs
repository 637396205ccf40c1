using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Gateway.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moelora-tls").FullName;
    private readonly X509Certificate2 _authority = Authority("hospital");
    private readonly X509Certificate2 _other = Authority("elsewhere");

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("pem with a key of its own")]
    [InlineData("pfx")]
    public async Task Server_ShowsItsCertificate(string form)
    {
        await using GatewayServer server = await StartAsync(Server(form));
        using HttpClient client = Client(server, null);

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz")).StatusCode);
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("ours", true)]
    [InlineData("another authority's", false)]
    [InlineData("a server's", false)]
    [InlineData("self-signed", false)]
    public async Task MutualTls_LetsInClientsOfTheAuthorityOnly(string which, bool allowed)
    {
        string authorities = Path.Combine(_folder, "clients.pem");
        await File.WriteAllTextAsync(authorities, _authority.ExportCertificatePem());
        await using GatewayServer server = await StartAsync(Server("pem") with { ClientAuthorityFile = authorities });
        using X509Certificate2? certificate = which switch
        {
            "ours" => Issue(_authority, "1.3.6.1.5.5.7.3.2"),
            "another authority's" => Issue(_other, "1.3.6.1.5.5.7.3.2"),
            "a server's" => Issue(_authority, "1.3.6.1.5.5.7.3.1"),
            "self-signed" => Authority("hospital"),
            _ => null,
        };
        using HttpClient client = Client(server, certificate);

        if (allowed)
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz")).StatusCode);
        else
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/healthz"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no certificate")]
    public async Task CertificateFile_ThatIsNone_IsNamed(string content)
    {
        string file = Path.Combine(_folder, "broken.pem");
        await File.WriteAllTextAsync(file, content);

        ArgumentException missing = await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(new TlsOptions { CertificateFile = Path.Combine(_folder, "absent.pem") }));
        ArgumentException broken = await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(new TlsOptions { CertificateFile = file }));

        Assert.Contains("absent.pem", missing.Message);
        Assert.Contains("broken.pem", broken.Message);
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("pem with a key of its own")]
    [InlineData("pfx")]
    public async Task CertificateFile_Replaced_IsShownToNewConnections(string form)
    {
        await using GatewayServer server = await StartAsync(Server(form));
        string before = await ShownAsync(server);

        Server(form);
        string after = await ShownAsync(server);

        Assert.NotEqual(before, after);
        Assert.Equal(after, await ShownAsync(server));
    }

    [Fact]
    public async Task CertificateFile_ReplacedByABrokenOne_KeepsTheOneBeforeAndSaysSoOnce()
    {
        var log = new LogCapture();
        TlsOptions tls = Server("pem with a key of its own");
        await using GatewayServer server = await StartAsync(tls, log);
        string before = await ShownAsync(server);

        await File.WriteAllTextAsync(tls.CertificateFile, "no certificate");
        string broken = await ShownAsync(server);
        string again = await ShownAsync(server);
        File.Delete(tls.CertificateFile);
        string gone = await ShownAsync(server);
        int errors = log.Text.Split("cannot be used").Length - 1;
        Server("pem with a key of its own");
        string mended = await ShownAsync(server);

        Assert.Equal([before, before, before], [broken, again, gone]);
        Assert.Equal(2, errors); // once for the broken file, once for the missing one
        Assert.NotEqual(before, mended);
        Assert.Contains("New connections get the certificate", log.Text);
    }

    /// <summary>The certificate that a new connection is shown.</summary>
    private static async Task<string> ShownAsync(GatewayServer server)
    {
        using var client = new System.Net.Sockets.TcpClient();
        var address = new Uri(server.Addresses.Single());
        await client.ConnectAsync(address.Host, address.Port);
        await using var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = address.Host, RemoteCertificateValidationCallback = (_, _, _, _) => true });
        return stream.RemoteCertificate!.GetCertHashString(HashAlgorithmName.SHA256);
    }

    private static Task<GatewayServer> StartAsync(TlsOptions tls, LogCapture? log = null) => GatewayServer.StartAsync(
        new GatewayParts { Grid = new FakeGrid() },
        new GatewayOptions { AllowAnonymous = true, Public = new ListenerOptions { Urls = ["https://127.0.0.1:0"], Tls = tls } },
        logging => logging.AddProvider(log ?? new LogCapture()));

    private static X509Certificate2 Authority(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string purpose)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=leaf", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 bare = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 whole = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pfx), null, X509KeyStorageFlags.Exportable);
    }

    private TlsOptions Server(string form)
    {
        using X509Certificate2 certificate = Issue(_authority, "1.3.6.1.5.5.7.3.1");
        string file = Path.Combine(_folder, form == "pfx" ? "server.pfx" : "server.pem"), key = Path.Combine(_folder, "server.key");
        using ECDsa secret = certificate.GetECDsaPrivateKey()!;
        switch (form)
        {
            case "pfx":
                File.WriteAllBytes(file, certificate.Export(X509ContentType.Pfx, "opens"));
                return new TlsOptions { CertificateFile = file, Password = "opens" };
            case "pem":
                File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + secret.ExportPkcs8PrivateKeyPem());
                return new TlsOptions { CertificateFile = file };
            default:
                File.WriteAllText(file, certificate.ExportCertificatePem());
                File.WriteAllText(key, secret.ExportPkcs8PrivateKeyPem());
                return new TlsOptions { CertificateFile = file, KeyFile = key };
        }
    }

    private HttpClient Client(GatewayServer server, X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { _authority },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
                // Shown whatever authorities the server names: a client that means harm does not look.
                LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri(server.Addresses.Single()) };
    }
}
