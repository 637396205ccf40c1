using MoeLora.Cli.Nodes;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Cli.Tests.Nodes;

/// <summary>What a node's configuration makes of its keys.</summary>
public sealed class NodeSettingsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Gateway_GetsEveryLimitOfTheFile()
    {
        GatewayOptions options = Read("""
            drain_seconds: 270
            max_bundle_mb: 3
            limits: { body_kb: 64, header_kb: 8, connections: 20, header_seconds: 2.5, body_seconds: 4, idle_seconds: 6 }
            """).ToGateway();

        Assert.Equal(TimeSpan.FromSeconds(270), options.DrainDeadline);
        Assert.Equal((3L << 20, 64L << 10, 8 << 10, 20L), (options.MaxBundleBytes, options.MaxRequestBodyBytes, options.MaxHeaderBytes, options.MaxConnections));
        Assert.Equal((2.5, 4, 6), (options.HeaderTimeout.TotalSeconds, options.BodyTimeout.TotalSeconds, options.IdleTimeout.TotalSeconds));
    }

    [Fact]
    public void Limits_OfAFileWithoutThem_AreTheGateways()
    {
        GatewayOptions options = Read("").ToGateway(), expected = new();

        Assert.Equal((expected.MaxRequestBodyBytes, expected.MaxHeaderBytes, expected.MaxConnections),
            (options.MaxRequestBodyBytes, options.MaxHeaderBytes, options.MaxConnections));
        Assert.Equal((expected.HeaderTimeout, expected.BodyTimeout, expected.IdleTimeout), (options.HeaderTimeout, options.BodyTimeout, options.IdleTimeout));
    }

    [Fact]
    public void Problems_AreAllReportedByTheFilesKeys()
    {
        NodeSettings settings = Read("""
            drain_seconds: 0
            max_bundle_mb: 0
            limits: { body_kb: 0, header_kb: 5000, connections: -1, header_seconds: 0, body_seconds: 1e9, idle_seconds: -2 }
            public: { urls: ["https://127.0.0.1:8443", "nowhere"] }
            admin: { urls: ["https://127.0.0.1:8444"], tls: { certificate: absent.pem, password_file: absent.txt } }
            """);

        string[] keys = ["drain_seconds", "max_bundle_mb", "limits.body_kb", "limits.header_kb", "limits.connections", "limits.header_seconds", "limits.body_seconds", "limits.idle_seconds",
            "public.urls[0]", "public.urls[1]", "admin.tls.certificate", "admin.tls.password_file"];
        Assert.Equal(keys, settings.FindProblems().Select(problem => problem.Split(':')[0]));
    }

    [Fact]
    public void PasswordFile_IsReadToTheEndOfItsFirstLine()
    {
        string password = _directory.File("password");
        File.WriteAllText(password, "open sesame\n");

        TlsOptions? tls = Read($"public: {{ urls: [\"https://127.0.0.1:8443\"], tls: {{ certificate: server.pfx, password_file: {password} }} }}").ToGateway().Public.Tls;

        Assert.Equal("open sesame", tls?.Password);
    }

    private NodeSettings Read(string more)
    {
        string file = _directory.File("node.yaml");
        File.WriteAllText(file, $"state: s\nbases: []\n{more}\n");
        return NodeFile.Read(file);
    }
}
