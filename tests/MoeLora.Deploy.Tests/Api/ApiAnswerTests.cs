using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MoeLora.Cli.Nodes;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway;
using MoeLora.Gateway.Hosting;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.Tests;
using MoeLora.Tensors;
using NJsonSchema;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>What a whole node answers is what <c>/openapi.json</c> says of it.</summary>
public sealed class ApiAnswerTests : IDisposable
{
    private const string Text = """{"model": "KUAKE-QIC", "prompt": "甲亢要看什么医生", "max_tokens": 4, "temperature": 0""";
    private const string Chat = """{"model": "demo/KUAKE-QIC", "messages": [{"role": "user", "content": "甲亢要看什么医生"}], "max_tokens": 4""";

    // Answered by a type that others are answered by here, or on silos alone.
    private static readonly Regex NotAsked = new("playground|/versions/\\{version\\}/|/rollback|/bundles|/dashboard/|/openapi.json|/console/|/metrics");

    private readonly TemporaryDirectory _directory = new();
    private readonly JsonObject _document = JsonNode.Parse(Repository.Read("src", "MoeLora.Gateway", "OpenApi", "openapi.json"))!.AsObject();
    private readonly HashSet<string> _asked = [];
    private readonly List<string> _wrong = [];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Answers_OfANode_AreAsDescribed()
    {
        await using RunningNode running = await RunningNode.OpenAsync(
            new NodeOptions
            {
                StateDirectory = _directory["state"],
                Bases = [new BaseModelOptions { ModelDirectory = Repository.At("deploy", "demo", "files", "base"), Weights = DType.F32, Threads = 1, MaxSequences = 4 }],
            },
            CancellationToken.None);
        string key = (await running.Node.CreateFirstKeyAsync())!.Secret;
        await running.ListenAsync(new GatewayOptions
        {
            Public = new ListenerOptions { Urls = ["http://127.0.0.1:0"] },
            Administration = new ListenerOptions { Urls = ["http://127.0.0.1:0"] },
        });
        await running.Node.StartAsync();
        using var admin = new HttpClient { Timeout = Timeout.InfiniteTimeSpan, BaseAddress = new Uri(running.Server.AdministrationAddresses.Single()), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        await PublishAsync(running.Node);
        await AskAsync(admin, "put", "/admin/v1/tenants/{tenant}", """{"allowed_tasks": ["demo/*"], "tokens_per_minute": 100000, "weight": 2}""", ("tenant", "clinic"));
        JsonNode made = (await AskAsync(admin, "post", "/admin/v1/tenants/{tenant}/keys", """{"label": "app", "roles": ["inference"]}""", ("tenant", "clinic")))!;
        using var app = new HttpClient { Timeout = Timeout.InfiniteTimeSpan, BaseAddress = new Uri(running.Server.Addresses.Single()), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", made["secret"]!.GetValue<string>()) } };

        await AskAsync(app, "post", "/v1/completions", Text + "}");
        await AskAsync(app, "post", "/v1/completions", Text + """, "logprobs": 2, "return_token_ids": true, "n": 2}""");
        await AskAsync(app, "post", "/v1/completions", Text + """, "stream": true, "logprobs": 0}""");
        await AskAsync(app, "post", "/v1/completions", """{"promt": 1}""");
        await AskAsync(app, "post", "/v1/chat/completions", Chat + "}");
        await AskAsync(app, "post", "/v1/chat/completions", Chat + """, "logprobs": true, "top_logprobs": 2, "return_token_ids": true}""");
        await AskAsync(app, "post", "/v1/chat/completions", Chat + """, "stream": true, "stream_options": {"include_usage": true}}""");
        await AskAsync(app, "get", "/v1/models");
        await AskAsync(app, "get", "/v1/models/{id}", null, ("id", "demo/KUAKE-QIC"));
        await AskAsync(app, "get", "/v1/models/{id}", null, ("id", "nothing"));
        foreach (string path in (string[])["overview", "silos", "versions", "tenants", "latency", "console", "caller", "audit", "audit/verify"])
            await AskAsync(admin, "get", $"/admin/v1/{path}");
        foreach (string path in (string[])["/healthz", "/readyz", "/readyz/own"])
            await AskAsync(admin, "get", path);
        await AskAsync(admin, "get", "/admin/v1/banks/{bank}/history", null, ("bank", "demo"));
        await AskAsync(admin, "get", "/admin/v1/tenants/{tenant}", null, ("tenant", "clinic"));
        await AskAsync(admin, "get", "/admin/v1/tenants/{tenant}/keys", null, ("tenant", "clinic"));
        JsonNode rotated = (await AskAsync(admin, "post", "/admin/v1/keys/{key}/rotate", """{"grace_seconds": 60}""", ("key", made["key"]!["id"]!.GetValue<string>())))!;
        await AskAsync(admin, "delete", "/admin/v1/keys/{key}", null, ("key", rotated["key"]!["id"]!.GetValue<string>()));
        await AskAsync(app, "get", "/v1/models");

        Assert.True(_wrong.Count == 0, string.Join(Environment.NewLine, _wrong));
        Assert.Empty(_document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key} {path.Key}")).Where(operation => !NotAsked.IsMatch(operation)).Except(_asked));
    }

    [Theory]
    [InlineData("HealthReport", "{}")]
    [InlineData("HealthReport", """{"status": 1}""")]
    [InlineData("HealthReport", """{"status": "ok", "more": 1}""")]
    [InlineData("ModelList", """{"object": "list", "data": [{"object": "model"}]}""")]
    [InlineData("CallerIdentity", """{"tenant": "a", "subject": "b", "roles": [1]}""")]
    public async Task Answer_ThatIsNotAsDescribed_IsFound(string type, string answer) =>
        Assert.NotEmpty((await SchemaAsync(new JsonObject { ["$ref"] = $"#/components/schemas/{type}" })).Validate(answer));

    private async Task PublishAsync(Node node)
    {
        ZipFile.CreateFromDirectory(Repository.At("deploy", "demo", "files", "v1"), _directory["v1.zip"]);
        await using FileStream bundle = File.OpenRead(_directory["v1.zip"]);
        var caller = new Caller(TenantId.Parse("it"), "key:test", Roles.Operator);
        Assert.True((await node.Rollouts.PublishAsync(bundle, caller)).TryGet(out _, out Contracts.GridError? error), error?.Message);
        Assert.True((await node.Rollouts.ExecuteAsync(new ActivateVersion("demo", "1"), caller)).TryGet(out _, out error), error?.Message);
    }

    /// <summary>Calls, and holds the answer against what is said of its status and media type.</summary>
    /// <returns>The answer, where it is one JSON value.</returns>
    private async Task<JsonNode?> AskAsync(HttpClient client, string method, string path, string? body = null, params (string Name, string Value)[] parameters)
    {
        string address = path;
        foreach ((string name, string value) in parameters)
            address = address.Replace($"{{{name}}}", value, StringComparison.Ordinal);
        return await AnswerAsync(client, method, path, address, body);
    }

    private async Task<JsonNode?> AnswerAsync(HttpClient client, string method, string path, string address, string? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), address) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await client.SendAsync(request);
        if (response.IsSuccessStatusCode)
            _asked.Add($"{method} {path}");
        string text = await response.Content.ReadAsStringAsync(), media = response.Content.Headers.ContentType!.MediaType!;
        JsonNode? said = _document["paths"]![path]![method]!["responses"]![$"{(int)response.StatusCode}"];
        if (said?["$ref"]?.GetValue<string>() is { } reference)
            said = _document["components"]!["responses"]![reference[(reference.LastIndexOf('/') + 1)..]];
        if (said?["content"]?[media]?["schema"] is not { } schema)
        {
            _wrong.Add($"{method} {address}: {(int)response.StatusCode} with {media} is not described");
            return null;
        }

        JsonSchema described = await SchemaAsync(schema);
        IEnumerable<string> values = media switch
        {
            "text/event-stream" => text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => line["data: ".Length..]),
            "application/jsonl" => text.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            _ => [text],
        };
        foreach (string value in values)
            _wrong.AddRange(described.Validate(value).Select(error => $"{method} {address}: {error}"));
        return media == "application/json" ? JsonNode.Parse(text) : null;
    }

    // As a document of its own, whose members may be those that are described and no others.
    private async Task<JsonSchema> SchemaAsync(JsonNode schema)
    {
        JsonNode definitions = _document["components"]!["schemas"]!.DeepClone();
        foreach ((_, JsonNode? definition) in definitions.AsObject())
            definition!["additionalProperties"] ??= false;
        var whole = new JsonObject { ["definitions"] = definitions, ["allOf"] = new JsonArray(schema.DeepClone()) };
        return await JsonSchema.FromJsonAsync(whole.ToJsonString().Replace("#/components/schemas/", "#/definitions/", StringComparison.Ordinal));
    }
}
