using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;
using MoeLora.Grid.Tests;
using MoeLora.Serving.Tests;

namespace MoeLora.Silo.Tests;

/// <summary>Two silos as processes, with TLS between them: any of them answers HTTP for the whole cluster.</summary>
public sealed class SiloProgramTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task TwoSilos_PublishedThroughOne_AnswerThroughBoth()
    {
        WriteCertificates();
        await using SiloProgram one = await SiloProgram.StartAsync(Config(1));
        await using SiloProgram two = await SiloProgram.StartAsync(Config(2));
        var admin = new AuthenticationHeaderValue("Bearer", one.FirstKey);
        Assert.Null(two.FirstKey); // tenants are the cluster's

        // Published through one, activated through the other.
        await using (var bundle = new MemoryStream())
        {
            await BundleArchive.PackAsync(AdapterBundle.Open(DemoFiles.Bundle(1)), bundle);
            var archive = new ByteArrayContent(bundle.ToArray());
            archive.Headers.ContentType = new MediaTypeHeaderValue("application/zip");
            Expect(200, await one.SendAsync(HttpMethod.Post, new Uri(one.Administration, "/admin/v1/bundles"), admin, archive));
        }

        JsonNode published = JsonNode.Parse(Expect(200, await two.SendAsync(HttpMethod.Get, new Uri(two.Administration, "/admin/v1/versions"), admin)))!;
        JsonNode version = published["data"]![0]!;
        string bank = version["bank"]!.GetValue<string>();
        Expect(200, await two.SendAsync(HttpMethod.Post, new Uri(two.Administration, $"/admin/v1/banks/{bank}/versions/{version["version"]}/activate"), admin));

        JsonNode made = JsonNode.Parse(Expect(200, await one.SendAsync(
            HttpMethod.Post, new Uri(one.Administration, "/admin/v1/tenants/admin/keys"), admin, JsonContent.Create(new { label = "test", roles = new[] { "inference" } }))))!;
        var key = new AuthenticationHeaderValue("Bearer", made["secret"]!.GetValue<string>());
        string task = version["tasks"]!.AsObject().First().Value!.GetValue<string>();
        string[] answers = [await AskAsync(one), await AskAsync(two)];
        Assert.Equal(answers[0], answers[1]);

        // What people see is the cluster, from either silo; and no page of the dashboard without an administrator's key.
        JsonNode overview = JsonNode.Parse(Expect(200, await two.SendAsync(HttpMethod.Get, new Uri(two.Administration, "/admin/v1/overview"), admin)))!;
        Assert.Equal(["silo-1", "silo-2"], overview["nodes"]!.AsArray().Select(node => node!["name"]!.GetValue<string>()));
        Assert.Equal(2, overview["tasks"]!.AsArray().Where(each => each!["name"]!.GetValue<string>() == task).Sum(each => each!["requests"]!.GetValue<int>()));
        var counters = new Uri(two.Administration, "/dashboard/DashboardCounters");
        Expect(401, await two.SendAsync(HttpMethod.Get, counters, null));
        Expect(403, await two.SendAsync(HttpMethod.Get, counters, key));
        var browser = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"anybody:{one.FirstKey}")));
        Assert.Contains("TaskGrain", Expect(200, await two.SendAsync(HttpMethod.Get, counters, browser)), StringComparison.Ordinal);
        Expect(401, await two.SendAsync(HttpMethod.Get, new Uri(two.Administration, "/admin/v1/overview"), browser)); // the browser's own dialogue is for pages alone
        Assert.Contains("orleans_", Expect(200, await one.SendAsync(HttpMethod.Get, new Uri(one.Administration, "/metrics"), admin)), StringComparison.Ordinal);

        async Task<string> AskAsync(SiloProgram silo)
        {
            var body = new { model = $"{bank}/{task}", prompt = "Hello", max_tokens = 8, temperature = 0, seed = 1 };
            JsonNode answer = JsonNode.Parse(Expect(200, await silo.SendAsync(HttpMethod.Post, new Uri(silo.Public, "/v1/completions"), key, JsonContent.Create(body))))!;
            return answer["choices"]![0]!["text"]!.GetValue<string>();
        }
    }

    [Fact]
    public async Task Silo_WithoutACertificateOfTheCluster_DoesNotJoin()
    {
        WriteCertificates();
        await using SiloProgram one = await SiloProgram.StartAsync(Config(1));
        string stranger = Config(2).Replace(".yaml", "-stranger.yaml", StringComparison.Ordinal);
        await File.WriteAllTextAsync(stranger, (await File.ReadAllTextAsync(Config(2))).Replace("silo.pem", "stranger.pem", StringComparison.Ordinal));

        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => SiloProgram.StartAsync(stranger));
        Assert.StartsWith("The silo ended with 1: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("cluster.tls.certificate: it is not of the authority", refused.Message, StringComparison.Ordinal);

        // One that has an authority of its own never becomes a member that others route to: the cluster that silo 1 shows stays silo 1 alone.
        await File.WriteAllTextAsync(stranger, (await File.ReadAllTextAsync(stranger)).Replace("authority.pem", "stranger.pem", StringComparison.Ordinal));
        using var over = new CancellationTokenSource();
        Task<SiloProgram> starting = SiloProgram.StartAsync(stranger, cancellation: over.Token);
        await Task.WhenAny(starting, Task.Delay(TimeSpan.FromSeconds(15)));
        var admin = new AuthenticationHeaderValue("Bearer", one.FirstKey);
        JsonNode overview = JsonNode.Parse(Expect(200, await one.SendAsync(HttpMethod.Get, new Uri(one.Administration, "/admin/v1/overview"), admin)))!;
        Assert.Equal(["silo-1"], overview["nodes"]!.AsArray().Select(node => node!["name"]!.GetValue<string>()));
        await over.CancelAsync();
        await Task.WhenAny(starting); // however it went
        if (starting.IsCompletedSuccessfully)
            await (await starting).DisposeAsync();
    }

    private static string Expect(int status, (int Status, string Body) answer)
    {
        Assert.True(status == answer.Status, $"{answer.Status}, not {status}: {answer.Body}");
        return answer.Body;
    }

    private string Config(int silo)
    {
        string file = _directory[$"silo-{silo}.yaml"];
        if (!File.Exists(file))
        {
            File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $$"""
                name: silo-{{silo}}
                state: {{_directory[$"state-{silo}"]}}
                public: {urls: ["http://127.0.0.1:0"]}
                admin: {urls: ["http://127.0.0.1:0"]}
                bases:
                  - {model: "{{DemoFiles.Base}}", threads: 1}
                cluster:
                  database: {{_directory["cluster.db"]}}
                  silo_port: {{FreePort()}}
                  gateway_port: {{FreePort()}}
                  tls: {certificate: "{{_directory["silo.pem"]}}", authority: "{{_directory["authority.pem"]}}"}
                """));
        }

        return file;
    }

    /// <summary>A cluster's authority and a certificate of it, and one that it knows nothing of.</summary>
    private void WriteCertificates()
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var authority = new CertificateRequest("CN=cluster", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 root = authority.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(_directory["authority.pem"], root.ExportCertificatePem());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=silo", key, HashAlgorithmName.SHA256);
        using X509Certificate2 silo = request.Create(root, now.AddDays(-1), now.AddHours(12), [1, 2, 3, 4]);
        File.WriteAllText(_directory["silo.pem"], $"{silo.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
        using X509Certificate2 stranger = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(_directory["stranger.pem"], $"{stranger.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
