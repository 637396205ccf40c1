using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>Commands to a node whose administration address has TLS of the hospital's own authority and asks for a certificate.</summary>
public sealed class NodeTlsTests : IDisposable
{
    private const string Password = "open sesame";
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Commands_WithTheAuthorityAndACertificate_AreLetIn_AndOthersAreNot()
    {
        WriteCertificates();
        string config = _directory.File("node.yaml");
        await File.WriteAllTextAsync(config, $$"""
            state: {{_directory.File("state")}}
            public: { urls: ["http://127.0.0.1:0"] }
            admin:
              urls: ["https://127.0.0.1:0"]
              tls: { certificate: {{_directory.File("server.pem")}}, key: {{_directory.File("server.key")}}, password_file: {{_directory.File("password")}}, client_authority: {{_directory.File("ca.pem")}} }
            bases: [{ model: {{Path.Combine(AppContext.BaseDirectory, "demo", "base")}}, threads: 1 }]
            """);
        await using NodeRun node = await NodeRun.StartAsync(config);
        string[] asked = ["status", "--node", node.Administration, "--key-file", node.FirstKeyFile!];
        string[] authority = ["--ca", _directory.File("ca.pem")], ours = ["--client-cert", _directory.File("client.pem"), "--client-key", _directory.File("client.key")];

        Invocation allowed = await Invocation.RunAsync([.. asked, .. authority, .. ours, "--wait", "60"]);
        Invocation withoutCertificate = await Invocation.RunAsync([.. asked, .. authority]);
        Invocation withoutAuthority = await Invocation.RunAsync([.. asked, .. ours, "--wait", "60"]); // does not wait for what waiting does not mend

        Assert.True(allowed.ExitCode == ExitCode.Ok, allowed.Error);
        Assert.Contains("No version is published yet", allowed.Out);
        Assert.Equal((ExitCode.Failed, ExitCode.Failed), (withoutCertificate.ExitCode, withoutAuthority.ExitCode));
        Assert.Contains("cannot reach", withoutCertificate.Error);
        Assert.Contains("See --ca", withoutAuthority.Error);
    }

    private void WriteCertificates()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=hospital", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        File.WriteAllText(_directory.File("ca.pem"), authority.ExportCertificatePem());
        File.WriteAllText(_directory.File("password"), Password + "\n");
        Issue(authority, "server", "1.3.6.1.5.5.7.3.1", Password);
        Issue(authority, "client", "1.3.6.1.5.5.7.3.2", null);
    }

    private void Issue(X509Certificate2 authority, string name, string purpose, string? password)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        using X509Certificate2 certificate = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(_directory.File(name + ".pem"), certificate.ExportCertificatePem());
        File.WriteAllText(_directory.File(name + ".key"), password is null
            ? key.ExportPkcs8PrivateKeyPem()
            : key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 10_000)));
    }
}
