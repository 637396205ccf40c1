using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

public sealed class AdministrationTests
{
    private const string Versions = "/admin/v1/banks/triage/versions/2";

    private readonly Everything _everything = new();

    public static TheoryData<string, string, RolloutCommand> Commands() => new()
    {
        { $"{Versions}/load", "", new LoadVersion("triage", "2") },
        { $"{Versions}/activate", "{}", new ActivateVersion("triage", "2") },
        { $"{Versions}/shadow", """{"share":0.5}""", new StartShadow("triage", "2", 0.5) },
        { $"{Versions}/shadow", """{"share":0}""", new StartShadow("triage", "2", 0) },
        { $"{Versions}/retire", "", new RetireVersion("triage", "2") },
        { $"{Versions}/retire", """{"deadline_seconds":1.5}""", new RetireVersion("triage", "2", TimeSpan.FromSeconds(1.5)) },
        { "/admin/v1/banks/triage/rollback", "", new RollBack("triage") },
        { "/admin/v1/banks/tri%20age/versions/2%2B1/load", "", new LoadVersion("tri age", "2+1") },
    };

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_IsCarriedOutForItsCaller(string path, string body, RolloutCommand expected)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Post, path, "operator", body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        (RolloutCommand command, Caller by) = Assert.Single(_everything.Rollouts.Commands);
        Assert.Equal(expected, command);
        Assert.Equal("key-operator", by.Subject);
        Assert.Equal(
            """{"bank":"triage","version":"2","bundle_hash":"sha256:bundle","base_model_hash":"sha256:base","tasks":{"2":"医学-triage"},"state":"canary","problem":null,"shadow":null,"canary":{"share":0.25,"tenants":["ward-7"]},"running_sequences":0,"published":"1970-01-01T00:00:00+00:00","since":"1970-01-01T00:00:00+00:00","revision":3}""",
            await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Silos_AreShownWithTheirBanksAndTasks()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Get, "/admin/v1/silos", "operator");

        Assert.Equal(
            """{"data":[{"name":"silo-1","address":"10.0.0.1:11111@7","phase":"loading","is_silent":true,"started":"1970-01-01T00:00:00+00:00","report_age_seconds":1.5,"device_kind":"cuda","devices":["cuda:0"],"memory_bytes":9,"free_bytes":4,"running":2,"waiting":1,"banks":[{"bank":"triage","active":"2","loaded":["1","2"],"problem":"too large"}],"task_count":5,"tasks":[{"bank":"triage","task":"医学-triage","replica":1,"depth":3,"merged_bytes":8}]}],"object":"list"}""",
            await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Canary_HasAShareAndTenants()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        await SendAsync(host, HttpMethod.Post, $"{Versions}/canary", "operator", """{"share":0.1,"tenants":["ward-7"]}""");

        var command = Assert.IsType<StartCanary>(Assert.Single(_everything.Rollouts.Commands).Command);
        Assert.Equal(0.1, command.Rule.Share);
        Assert.Equal([FakeDirectory.Ward], command.Rule.Tenants);
    }

    [Theory]
    [InlineData("canary", "{}", "share", "missing_required_parameter")]
    [InlineData("canary", """{"share":1.5}""", "share", "invalid_value")]
    [InlineData("canary", """{"share":"0.5"}""", "share", "invalid_type")]
    [InlineData("canary", """{"tenants":["Ward 7"]}""", "tenants", "invalid_value")]
    [InlineData("canary", """{"share":0.5,"who":1}""", "who", "unknown_parameter")]
    [InlineData("shadow", "{}", "share", "missing_required_parameter")]
    [InlineData("shadow", """{"share":-1}""", "share", "invalid_value")]
    [InlineData("retire", """{"deadline_seconds":-1}""", "deadline_seconds", "invalid_value")]
    [InlineData("retire", """{"deadline_seconds":1e300}""", "deadline_seconds", "invalid_value")]
    [InlineData("activate", """{"share":1}""", "share", "unknown_parameter")]
    [InlineData("load", "[]", null, "invalid_type")]
    public async Task Command_ThatIsWrong_IsRefusedAndNotCarriedOut(string verb, string body, string? param, string code)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        await ErrorAssert.IsAsync(await SendAsync(host, HttpMethod.Post, $"{Versions}/{verb}", "operator", body), HttpStatusCode.BadRequest, code, param);

        Assert.Empty(_everything.Rollouts.Commands);
    }

    [Theory]
    [InlineData(GridErrorKind.NotFound, HttpStatusCode.NotFound, "not_found")]
    [InlineData(GridErrorKind.Conflict, HttpStatusCode.Conflict, "conflict")]
    public async Task Command_ThatFails_SaysWhy(GridErrorKind kind, HttpStatusCode status, string code)
    {
        _everything.Rollouts.Refusal = new GridError(kind, "The reason.");
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        Assert.Equal("The reason.", await ErrorAssert.IsAsync(await SendAsync(host, HttpMethod.Post, $"{Versions}/load", "operator", ""), status, code));
    }

    [Fact]
    public async Task Bundle_IsHandedOnAsItArrives()
    {
        // Larger than JSON bodies may be: bundles have a limit of their own.
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts, options => options.MaxRequestBodyBytes = 1000);

        HttpResponseMessage response = await PublishAsync(host, new ByteArrayContent(new byte[100_000]));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((100_000, "key-operator"), (_everything.Rollouts.Published!.Value.Bytes, _everything.Rollouts.Published.Value.By.Subject));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bundle_LargerThanAllowed_IsRefused(bool chunked)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts, options => options.MaxBundleBytes = 5000);
        HttpContent content = chunked ? new StreamContent(new EndlessStream(6000)) : new ByteArrayContent(new byte[6000]);

        string message = await ErrorAssert.IsAsync(await PublishAsync(host, content), HttpStatusCode.RequestEntityTooLarge, "request_too_large");

        Assert.Contains("5000 bytes", message);
        Assert.Null(_everything.Rollouts.Published);
    }

    [Fact]
    public async Task Bundle_OfAnotherContentType_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await host.Admin.SendAsync(Everything.Request(HttpMethod.Post, "/admin/v1/bundles", "operator", Everything.Json("{}")));

        await ErrorAssert.IsAsync(response, HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [Fact]
    public async Task Overview_IsTheContractsRecord()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        JsonElement root = await GatewayHost.JsonAsync(await SendAsync(host, HttpMethod.Get, "/admin/v1/overview", "operator"));

        Assert.Equal("ready", root.GetProperty("nodes")[0].GetProperty("status").GetProperty("phase").GetString());
        Assert.Equal("[[0.25,0.75]]", root.GetProperty("tasks")[0].GetProperty("gate_weights").GetRawText());
        Assert.Equal("merged", root.GetProperty("tasks")[0].GetProperty("mode").GetString());
        Assert.Equal("ward-7", root.GetProperty("tenants")[0].GetProperty("tenant").GetString());
    }

    [Fact]
    public async Task History_TakesALimit()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        JsonElement root = await GatewayHost.JsonAsync(await SendAsync(host, HttpMethod.Get, "/admin/v1/banks/triage/history?limit=5", "operator"));

        Assert.Equal(5, _everything.Rollouts.LastLimit);
        Assert.Equal("""{"bank":"triage","version":"2","from":null,"to":"published","at":"1970-01-01T00:00:00+00:00","by":"key-operator","reason":null}""", root.GetProperty("data")[0].GetRawText());
    }

    [Theory]
    [InlineData("limit=0", "limit", "invalid_value")]
    [InlineData("limit=1001", "limit", "invalid_value")]
    [InlineData("limit=a", "limit", "invalid_value")]
    [InlineData("limit=1&limit=2", "limit", "invalid_value")]
    [InlineData("page=1", "page", "unknown_parameter")]
    public async Task Query_ThatIsWrong_IsRefusedByName(string query, string param, string code)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        await ErrorAssert.IsAsync(await SendAsync(host, HttpMethod.Get, $"/admin/v1/banks/triage/history?{query}", "operator"), HttpStatusCode.BadRequest, code, param);
    }

    [Fact]
    public async Task Tenant_IsPutWithItsLimits()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Put, "/admin/v1/tenants/ward-8", "admin",
            """{"enabled":false,"allowed_tasks":["triage/*"],"tokens_per_minute":5000,"requests_per_minute":null,"concurrent_sequences":4,"weight":2}""");

        Assert.Equal(
            """{"id":"ward-8","limits":{"allowed_tasks":["triage/*"],"tokens_per_minute":5000,"requests_per_minute":null,"concurrent_sequences":4,"weight":2},"enabled":false,"created":"1970-01-01T00:00:00+00:00"}""",
            await response.Content.ReadAsStringAsync());
        Assert.Equal([("put ward-8", "key-admin")], _everything.Directory.Changes);
    }

    [Theory]
    [InlineData("/admin/v1/tenants/Ward", "{}", "tenant")]
    [InlineData("/admin/v1/tenants/ward-8", """{"weight":0}""", "weight")]
    [InlineData("/admin/v1/tenants/ward-8", """{"tokens_per_minute":0}""", "tokens_per_minute")]
    [InlineData("/admin/v1/tenants/ward-8", """{"allowed_tasks":["triage"]}""", "allowed_tasks")]
    public async Task Tenant_ThatIsWrong_IsRefusedByName(string path, string body, string param)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        await ErrorAssert.IsAsync(await SendAsync(host, HttpMethod.Put, path, "admin", body), HttpStatusCode.BadRequest, "invalid_value", param);

        Assert.Empty(_everything.Directory.Changes);
    }

    [Fact]
    public async Task Key_WhenMade_ShowsItsSecretOnceAndIsNotCached()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage created = await SendAsync(host, HttpMethod.Post, "/admin/v1/tenants/ward-7/keys", "admin", """{"label":"front desk","roles":["inference","operator"],"expires":"2099-01-01T00:00:00Z"}""");
        HttpResponseMessage rotated = await SendAsync(host, HttpMethod.Post, "/admin/v1/keys/k1/rotate", "admin", """{"grace_seconds":60}""");
        HttpResponseMessage revoked = await SendAsync(host, HttpMethod.Delete, "/admin/v1/keys/k1", "admin");
        HttpResponseMessage list = await SendAsync(host, HttpMethod.Get, "/admin/v1/tenants/ward-7/keys", "admin");

        Assert.Equal(
            """{"key":{"id":"k2","tenant":"ward-7","label":"front desk","roles":["inference","operator"],"created":"1970-01-01T00:00:00+00:00","expires":"2099-01-01T00:00:00+00:00","revoked":null},"secret":"secret-2"}""",
            await created.Content.ReadAsStringAsync());
        Assert.True(created.Headers.CacheControl?.NoStore);
        Assert.Contains("secret-3", await rotated.Content.ReadAsStringAsync());
        Assert.DoesNotContain("secret-", await revoked.Content.ReadAsStringAsync() + await list.Content.ReadAsStringAsync());
        Assert.Equal(
            [("create ward-7 front desk Inference, Operator", "key-admin"), ("rotate k1 60", "key-admin"), ("revoke k1", "key-admin")],
            _everything.Directory.Changes);
        await host.DisposeAsync();
        Assert.DoesNotContain("secret-", host.Log.Text);
    }

    [Theory]
    [InlineData("{}", "label")]
    [InlineData("""{"label":"","roles":["inference"]}""", "label")]
    [InlineData("""{"label":"a\nb","roles":["inference"]}""", "label")]
    [InlineData("""{"label":"a"}""", "roles")]
    [InlineData("""{"label":"a","roles":[]}""", "roles")]
    [InlineData("""{"label":"a","roles":["root"]}""", "roles")]
    [InlineData("""{"label":"a","roles":["admin"],"expires":"tomorrow"}""", "expires")]
    [InlineData("""{"label":"a","roles":["admin"],"expires":"2001-01-01T00:00:00Z"}""", "expires")]
    [InlineData("""{"label":"a","roles":["admin"],"grace_seconds":5}""", "grace_seconds")]
    public async Task Key_ThatIsWrong_IsRefusedByName(string body, string param)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Post, "/admin/v1/tenants/ward-7/keys", "admin", body);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(param, (await GatewayHost.JsonAsync(response)).GetProperty("error").GetProperty("param").GetString());
        Assert.Empty(_everything.Directory.Changes);
    }

    [Fact]
    public async Task Audit_IsReadAsLinesAndTheReadingIsAudited()
    {
        _everything.Trail.Records.Add(new AuditRecord(1, DateTimeOffset.UnixEpoch, "node-1", new AuditEntry { Action = AuditAction.Rollout, Succeeded = true, Detail = "activate", Bank = "triage" }, "00", "ab"));
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Get, "/admin/v1/audit?after=5&from=2026-01-01&until=2026-02-01T00:00:00Z&tenant=ward-7&action=rollout&limit=9", "admin");

        Assert.Equal("application/jsonl; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        JsonElement line = JsonDocument.Parse(Assert.Single((await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries))).RootElement;
        Assert.Equal(("rollout", "activate"), (line.GetProperty("entry").GetProperty("action").GetString(), line.GetProperty("entry").GetProperty("detail").GetString()));
        Assert.Equal(
            new AuditQuery { After = 5, From = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), Until = new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero), Tenant = FakeDirectory.Ward, Action = AuditAction.Rollout, Limit = 9 },
            _everything.Trail.LastQuery);
        AuditEntry noted = Assert.Single(_everything.Trail.Entries);
        Assert.Equal((AuditAction.Audit, "key-admin", "read jsonl"), (noted.Action, noted.Subject, noted.Detail));
    }

    [Fact]
    public async Task Audit_ThatCannotBeWritten_IsNotShown()
    {
        _everything.Trail.Broken = true;
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        await ErrorAssert.IsAsync(await SendAsync(host, HttpMethod.Get, "/admin/v1/audit", "admin"), HttpStatusCode.ServiceUnavailable, "unavailable", type: "server_error");

        Assert.Null(_everything.Trail.LastQuery);
    }

    [Fact]
    public async Task Audit_InAnotherForm_IsThatFormats()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts with { AuditFormats = [new CountingFormat()] });
        _everything.Trail.Records.AddRange(Enumerable.Repeat(new AuditRecord(1, default, "n", new AuditEntry { Action = AuditAction.Node, Succeeded = true, Detail = "start" }, "", ""), 3));

        HttpResponseMessage counted = await SendAsync(host, HttpMethod.Get, "/admin/v1/audit?format=count", "admin");
        HttpResponseMessage unknown = await SendAsync(host, HttpMethod.Get, "/admin/v1/audit?format=xml", "admin");

        Assert.Equal(("text/count", "3"), (counted.Content.Headers.ContentType?.ToString(), await counted.Content.ReadAsStringAsync()));
        Assert.Contains("jsonl, count", await ErrorAssert.IsAsync(unknown, HttpStatusCode.BadRequest, "invalid_value", "format"));
    }

    [Fact]
    public async Task Verify_TellsTheVerdict()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(_everything.Parts);

        HttpResponseMessage response = await SendAsync(host, HttpMethod.Get, "/admin/v1/audit/verify", "admin");

        Assert.StartsWith("""{"records":7,"broken_at":null,"problem":null,"last_hash":"abc",""", await response.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> SendAsync(GatewayHost host, HttpMethod method, string path, string key, string body = "") =>
        host.Admin.SendAsync(Everything.Request(method, path, key, body.Length == 0 ? null : Everything.Json(body)));

    private static Task<HttpResponseMessage> PublishAsync(GatewayHost host, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/zip");
        HttpRequestMessage request = Everything.Request(HttpMethod.Post, "/admin/v1/bundles", "operator", content);
        request.Headers.ExpectContinue = true; // so that a refusal is not lost in a connection that breaks
        return host.Admin.SendAsync(request);
    }

    private sealed class CountingFormat : IAuditFormat
    {
        public string Name => "count";

        public string ContentType => "text/count";

        public async Task WriteAsync(IAsyncEnumerable<AuditRecord> records, Stream output, CancellationToken cancellation = default)
        {
            int count = 0;
            await foreach (AuditRecord _ in records.WithCancellation(cancellation))
                count++;
            await output.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{count}"), cancellation);
        }
    }

    /// <summary>Zeros, without a length that could be declared.</summary>
    private sealed class EndlessStream(int length) : MemoryStream(new byte[length])
    {
        public override bool CanSeek => false;
    }
}
