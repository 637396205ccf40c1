using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>A whole node by its configuration, and the commands that administer it, against the demo's own files.</summary>
public sealed class NodeCommandTests : IDisposable
{
    private static readonly string Demo = Path.Combine(AppContext.BaseDirectory, "demo");
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Node_FromItsFirstStartToARollback_WorksByItsCommands()
    {
        string config = WriteConfig();
        await using NodeRun node = await NodeRun.StartAsync(config);
        string admin = _directory.File("admin.key");
        await File.WriteAllTextAsync(admin, node.FirstKey!);
        Assert.DoesNotContain("mlg_", node.Announcement); // standard output is no terminal here
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(node.FirstKeyFile!));
        Task<Invocation> Run(params string[] args) => Invocation.RunAsync([.. args, "--node", node.Administration, "--key-file", admin]);

        Invocation published = await Run("publish", Path.Combine(Demo, "v1"), "--activate");
        Invocation tenant = await Run("tenant", "put", "ward", "--tasks", "demo/MedDG");
        Invocation key = await Run("key", "create", "ward");
        JsonElement first = await AskAsync(node, key.Out.Trim(), "MedDG");
        Invocation second = await Run("publish", Path.Combine(Demo, "v2"), "--activate");
        JsonElement upgraded = await AskAsync(node, key.Out.Trim(), "demo/MedDG");
        Invocation rolled = await Run("rollback", "demo");
        Invocation status = await Run("status", "--json");
        HttpStatusCode other = await StatusAsync(node, key.Out.Trim(), "KUAKE-QIC"), stranger = await StatusAsync(node, "mlg_wrong", "MedDG");

        Assert.All([published, tenant, key, second, rolled, status], run => Assert.True(run.ExitCode == ExitCode.Ok, run.Error));
        Assert.Equal("1", first.GetProperty("provenance").GetProperty("version").GetString());
        Assert.Equal("2", upgraded.GetProperty("provenance").GetProperty("version").GetString());
        Assert.StartsWith("demo@1  active", rolled.Out);
        Assert.Equal(["2 verified", "1 active"], status.Json.GetProperty("data").EnumerateArray().Select(version => $"{version.GetProperty("version")} {version.GetProperty("state")}"));
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized), (other, stranger));

        Assert.Equal(ExitCode.Ok, await node.StopAsync());
        Invocation verified = await Invocation.RunAsync("audit", "verify", Path.Combine(_directory.Path, "state", "audit"), "--json");
        Assert.Equal(ExitCode.Ok, verified.ExitCode);
        Assert.True(verified.Json.GetProperty("records").GetInt64() >= 8);

        string recovered = _directory.File("recovered.key");
        Invocation recovery = await Invocation.RunAsync("key", "recover", "--config", config, "--out", recovered);
        Assert.True(recovery.ExitCode == ExitCode.Ok, recovery.Error);
        Assert.DoesNotContain("mlg_", recovery.Out);
        Invocation records = await Invocation.RunAsync("audit", "export", Path.Combine(_directory.Path, "state", "audit"), "--out", _directory.File("audit.json"));
        Assert.True(records.ExitCode == ExitCode.Ok, records.Error);
        Assert.Contains($"user:{Environment.UserName}", await File.ReadAllTextAsync(_directory.File("audit.json")));

        // What was active before the end is active after the next start, and nobody gets another first key.
        await using NodeRun again = await NodeRun.StartAsync(config);
        Assert.Null(again.FirstKey);
        Invocation asked = await Invocation.RunAsync("tenant", "list", "--node", again.Administration, "--key-file", recovered, "--wait", "60");
        Assert.True(asked.ExitCode == ExitCode.Ok, asked.Error);
        Invocation whileItRuns = await Invocation.RunAsync("key", "recover", "--config", config, "--out", recovered);
        Assert.Equal(ExitCode.Failed, whileItRuns.ExitCode);
        Assert.DoesNotContain("defect", whileItRuns.Error);
        Assert.Equal(["first-admin-key"], Directory.GetFiles(Path.Combine(_directory.Path, "state"), "first-admin-key*").Select(Path.GetFileName));
        Assert.Equal("1", (await AskAsync(again, key.Out.Trim(), "MedDG")).GetProperty("provenance").GetProperty("version").GetString());
    }

    [Theory]
    [InlineData("state: s\nbases: [{model: MODEL}]\nbasis: 1", "basis is not known")]
    [InlineData("state: s\nbases: [{model: MODEL, threads: many}]", "bases[0].threads has a value of the wrong kind")]
    [InlineData("bases: [{model: MODEL}]", "lacks 'state'")]
    [InlineData("state: s\nbases: [{model: MODEL, weights: f8}]", "'f8' is none of f32, f16, bf16, q8")]
    [InlineData("state: s\nbases: []", "At least one base model is needed")]
    [InlineData("state: s\nbases: [", "neither YAML nor JSON")]
    public async Task Configuration_ThatIsWrong_IsRefusedWithThePlace(string text, string expected)
    {
        string config = _directory.File("node.yaml");
        await File.WriteAllTextAsync(config, text.Replace("MODEL", Path.Combine(Demo, "base")).Replace("state: s", $"state: {_directory.File("state")}"));

        Invocation run = await Invocation.RunAsync("serve", "--config", config);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains(expected, run.Error);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Fact]
    public async Task Status_WithoutAKey_IsAUsageError()
    {
        Invocation run = await Invocation.RunAsync("status", "--node", "http://127.0.0.1:1");

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("MOELORA_KEY", run.Error);
    }

    [Fact]
    public async Task Status_OfNoNode_SaysThatItCannotBeReached()
    {
        string key = _directory.File("key");
        await File.WriteAllTextAsync(key, "mlg_x");

        Invocation run = await Invocation.RunAsync("status", "--node", "http://127.0.0.1:1", "--key-file", key);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("cannot reach http://127.0.0.1:1", run.Error);
    }

    [Fact]
    public async Task Status_ThatWaitedForNoNode_SaysWhatItLastSaw()
    {
        string key = _directory.File("key");
        await File.WriteAllTextAsync(key, "mlg_x");

        Invocation run = await Invocation.RunAsync("status", "--node", "http://127.0.0.1:1", "--key-file", key, "--wait", "1");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("was not ready within 1 s", run.Error);
        Assert.Contains("127.0.0.1:1", run.Error);
    }

    [Theory]
    [InlineData("would send the key unencrypted", "--node", "http://node.example:8081")]
    [InlineData("--ca: there is no file", "--ca", "absent.pem")]
    [InlineData("--client-cert: there is no file", "--client-cert", "absent.pem")]
    [InlineData("--client-key belongs to --client-cert", "--client-key", "KEY")]
    public async Task Status_WithConnectionOptionsThatAreWrong_IsAUsageError(string expected, params string[] args)
    {
        string key = _directory.File("key");
        await File.WriteAllTextAsync(key, "mlg_x");

        Invocation run = await Invocation.RunAsync(["status", "--key-file", key, .. args.Select(arg => arg == "KEY" ? key : arg)]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(expected, run.Error);
    }

    private string WriteConfig()
    {
        string config = _directory.File("node.yaml");
        File.WriteAllText(config, $$"""
            name: test-node
            state: {{Path.Combine(_directory.Path, "state")}}
            public: { urls: ["http://127.0.0.1:0"] }
            admin: { urls: ["http://127.0.0.1:0"] }
            bases:
              - model: {{Path.Combine(Demo, "base")}}
                name: demo-base
                threads: 2
            """);
        return config;
    }

    private static async Task<JsonElement> AskAsync(NodeRun node, string key, string model)
    {
        using HttpResponseMessage response = await PostAsync(node, key, model);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task<HttpStatusCode> StatusAsync(NodeRun node, string key, string model)
    {
        using HttpResponseMessage response = await PostAsync(node, key, model);
        return response.StatusCode;
    }

    private static async Task<HttpResponseMessage> PostAsync(NodeRun node, string key, string model)
    {
        using var client = new HttpClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await client.PostAsJsonAsync(node.Inference + "/v1/chat/completions", new { model, messages = new[] { new { role = "user", content = "头痛三天" } }, max_tokens = 8, temperature = 0 });
    }
}
