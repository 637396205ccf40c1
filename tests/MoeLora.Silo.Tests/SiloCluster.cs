using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;
using MoeLora.Grid.Tests;
using MoeLora.Serving.Tests;

namespace MoeLora.Silo.Tests;

/// <summary>Silos of the demo's base model as processes of one cluster, and HTTP to them.</summary>
internal sealed class SiloCluster : IAsyncDisposable
{
    /// <summary>The demo's bank.</summary>
    public const string Bank = "demo";

    private readonly TemporaryDirectory _directory = new();
    private readonly List<SiloProgram> _silos = [];
    private readonly (string Name, string Value)[] _environment;
    private readonly string _more;
    private readonly int _sequences;

    private SiloCluster(string more, int sequences, (string Name, string Value)[] environment) => (_more, _sequences, _environment) = (more, sequences, environment);

    /// <summary>The silos; the first is <c>silo-1</c>.</summary>
    public IReadOnlyList<SiloProgram> Silos => _silos;

    /// <summary>Where its members are.</summary>
    public string Database => _directory["cluster.db"];

    /// <summary>The first admin's key, which has every role but inference.</summary>
    public AuthenticationHeaderValue Admin { get; private set; } = null!;

    /// <summary>A key for inference alone.</summary>
    public AuthenticationHeaderValue Application { get; private set; } = null!;

    /// <summary>Starts silos, and has version 1 of the demo's adapter answer on all of them: published through the first, activated through the last.</summary>
    /// <param name="silos">How many.</param>
    /// <param name="more">More lines of their configurations.</param>
    /// <param name="environment">Variables of theirs.</param>
    public static Task<SiloCluster> StartAsync(int silos, string more = "", params (string Name, string Value)[] environment) => StartAsync(silos, 32, more, environment);

    /// <inheritdoc cref="StartAsync(int, string, ValueTuple{string, string}[])"/>
    /// <param name="silos">How many.</param>
    /// <param name="sequences">Answers at once on each.</param>
    /// <param name="more">More lines of their configurations.</param>
    /// <param name="environment">Variables of theirs.</param>
    public static async Task<SiloCluster> StartAsync(int silos, int sequences, string more = "", params (string Name, string Value)[] environment)
    {
        var cluster = new SiloCluster(more, sequences, environment);
        try
        {
            await cluster.StartAsync(silos);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync(); // processes outlive whoever forgets them
            throw;
        }
    }

    private async Task StartAsync(int silos)
    {
        for (int i = 1; i <= silos; i++)
            _silos.Add(await SiloProgram.StartAsync(Config(i), _environment));
        Admin = new AuthenticationHeaderValue("Bearer", _silos[0].FirstKey);
        Application = await NewKeyAsync("admin", "inference");
        await PublishAsync(1, 0);
        await ActivateAsync(1, silos - 1);
        for (int i = 0; i < silos; i++)
            await UntilKnownAsync(i);
    }

    /// <summary>A new key of a tenant, which is made where it is not there.</summary>
    public async Task<AuthenticationHeaderValue> NewKeyAsync(string tenant, string role, object? limits = null)
    {
        if (limits is not null)
            await SendAsync(HttpMethod.Put, 0, $"/admin/v1/tenants/{tenant}", () => JsonContent.Create(limits));
        JsonNode made = (await SendAsync(HttpMethod.Post, 0, $"/admin/v1/tenants/{tenant}/keys", () => JsonContent.Create(new { label = "test", roles = new[] { role } })))!;
        return new AuthenticationHeaderValue("Bearer", made["secret"]!.GetValue<string>());
    }

    public async Task PublishAsync(int version, int silo)
    {
        using var bundle = new MemoryStream();
        await BundleArchive.PackAsync(AdapterBundle.Open(DemoFiles.Bundle(version)), bundle);
        await SendAsync(HttpMethod.Post, silo, "/admin/v1/bundles", () =>
        {
            var archive = new ByteArrayContent(bundle.ToArray());
            archive.Headers.ContentType = new MediaTypeHeaderValue("application/zip");
            return archive;
        });
    }

    public Task ActivateAsync(int version, int silo) => SendAsync(HttpMethod.Post, silo, $"/admin/v1/banks/{Bank}/versions/{version}/activate");

    /// <summary>A call of a silo's administration by the admin, which must succeed; while a silo that died is not known to be dead it is given again, as an operator would.</summary>
    public async Task<JsonNode?> SendAsync(HttpMethod method, int silo, string path, Func<HttpContent>? content = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            (int status, string body) = await Silos[silo].SendAsync(method, new Uri(Silos[silo].Administration, path), Admin, content?.Invoke());
            if (status == 503 && clock.Elapsed < TimeSpan.FromMinutes(1))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250));
                continue;
            }

            Assert.True(status is >= 200 and < 300, $"{method} {path}: {status} {body}");
            return body.Length == 0 ? null : JsonNode.Parse(body);
        }
    }

    /// <summary>Asks a task through a silo; the answer, or the refusal with its status.</summary>
    public async Task<(int Status, JsonNode Body)> AskAsync(int silo, string model, string prompt, int maxTokens, AuthenticationHeaderValue? key = null, string? traceParent = null)
    {
        var content = JsonContent.Create(new { model, prompt, max_tokens = maxTokens, temperature = 0 });
        if (traceParent is not null)
            content.Headers.Add("traceparent", traceParent);
        (int status, string body) = await Silos[silo].SendAsync(HttpMethod.Post, new Uri(Silos[silo].Public, "/v1/completions"), key ?? Application, content);
        return (status, JsonNode.Parse(body)!);
    }

    /// <summary>Records of a silo's audit trail.</summary>
    public async Task<JsonNode[]> AuditAsync(int silo, string action)
    {
        (int status, string body) = await Silos[silo].SendAsync(HttpMethod.Get, new Uri(Silos[silo].Administration, $"/admin/v1/audit?action={action}"), Admin);
        Assert.True(status == 200, body);
        return [.. body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["entry"]!)];
    }

    /// <summary>The key of a silo's records: HMAC-SHA-256 under it is what they hold of prompts and answers.</summary>
    public async Task<byte[]> AuditKeyAsync(int silo) => Convert.FromHexString((await File.ReadAllTextAsync(Path.Combine(_directory[$"state-{silo + 1}"], "audit.key"))).Trim());

    /// <summary>Starts a silo again that was killed.</summary>
    public async Task RestartAsync(int silo)
    {
        await _silos[silo].DisposeAsync();
        _silos[silo] = await SiloProgram.StartAsync(Config(silo + 1), _environment);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (SiloProgram silo in _silos)
            await silo.DisposeAsync();
        _directory.Dispose();
    }

    /// <summary>Waits until a silo knows that all follow the bank: it learns so with their next reports, half a second later.</summary>
    public async Task UntilKnownAsync(int silo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5)); // only a failure waits that long
        while (!IsKnown((await SendAsync(HttpMethod.Get, silo, "/admin/v1/silos"))!["data"]!.AsArray()))
            await Task.Delay(TimeSpan.FromMilliseconds(100), patience.Token);

        bool IsKnown(JsonArray silos) =>
            silos.Count == _silos.Count && silos.All(each => each!["banks"]!.AsArray().Any(bank => bank!["active"] is not null && bank["problem"] is null));
    }

    private string Config(int silo)
    {
        string file = _directory[$"silo-{silo}.yaml"];
        if (File.Exists(file))
            return file;
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $$"""
            name: silo-{{silo}}
            state: {{_directory[$"state-{silo}"]}}
            public: {urls: ["http://127.0.0.1:0"]}
            admin: {urls: ["http://127.0.0.1:0"]}
            bases:
              - {model: "{{DemoFiles.Base}}", threads: 1, max_sequences: {{_sequences}}}
            cluster:
              database: {{Database}}
              silo_port: {{FreePort()}}
              gateway_port: {{FreePort()}}
            {{_more}}
            """));
        return file;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
