using System.Text;
using System.Text.Json;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Fhir;
using NJsonSchema;

namespace MoeLora.Serving.Tests.Auditing;

/// <summary>Against our schema of the FHIR R4 subset: see the README beside it for the pages of the specification.</summary>
public sealed class FhirAuditFormatTests : IDisposable
{
    private static readonly AuditEntry Answered = TrailFolder.Entry(1) with { Succeeded = true, AnswerHash = new string('2', 64), CompletionTokens = 9 };

    private static readonly AuditEntry[] AllKinds =
    [
        Answered,
        Answered with { RequestId = null, Subject = null, Bank = null, Version = null, BundleHash = null, TaskName = "base" },
        Answered with { Succeeded = false, Detail = "cancelled" },
        TrailFolder.Entry(1) with { Succeeded = false, Detail = "queue_full", Version = null, BundleHash = null, BaseModelHash = null, Count = 7 },
        new() { Action = AuditAction.Rollout, Succeeded = true, Detail = "publish", Bank = "med", Version = "1.0.0", Subject = "k1" },
        new() { Action = AuditAction.Rollout, Succeeded = false, Detail = "activate", Bank = "med", Version = "1.0.0", Subject = "k1" },
        new() { Action = AuditAction.Rollout, Succeeded = true, Detail = "retire", Bank = "med", Version = "1.0.0", Subject = "k1" },
        new() { Action = AuditAction.Tenancy, Succeeded = true, Detail = "create_key", Target = "abc tenant=clinic", Tenant = TenantId.Local, Subject = "root" },
        new() { Action = AuditAction.Access, Succeeded = false, Detail = "invalid_key", Count = 1000 },
        new() { Action = AuditAction.Audit, Succeeded = true, Detail = "export", Subject = "k1" },
        new() { Action = AuditAction.Node, Succeeded = true, Detail = "start" },
        new() { Action = AuditAction.Node, Succeeded = true, Detail = "stop" },
        new() { Action = AuditAction.Node, Succeeded = false, Detail = "start" },
    ];

    private readonly TrailFolder _folder = new();

    [Fact]
    public async Task Write_EveryKindOfRecord_IsValid()
    {
        string json = await ExportAsync(AllKinds);
        JsonSchema schema = await SchemaAsync();
        Assert.Empty(schema.Validate(json).Select(error => error.ToString()));

        using var bundle = JsonDocument.Parse(json);
        string[] urls = [.. bundle.RootElement.GetProperty("entry").EnumerateArray().Select(entry => entry.GetProperty("fullUrl").GetString()!)];
        Assert.Equal(AllKinds.Length + 3, urls.Length);
        Assert.Distinct(urls);
    }

    [Fact]
    public async Task Write_NoRecord_IsAValidBundleWithoutEntries()
    {
        string json = await ExportAsync([]);
        Assert.Equal("""{"resourceType":"Bundle","type":"collection"}""", json);
        Assert.Empty((await SchemaAsync()).Validate(json));
    }

    [Theory]
    [InlineData("\"outcome\":\"0\"", "\"outcome\":\"1\"")]
    [InlineData("\"action\":\"E\"", "\"action\":\"X\"")]
    [InlineData("\"requestor\":true", "\"requestor\":\"true\"")]
    [InlineData("\"requestor\":true", "\"requestors\":true")]
    [InlineData("\"role\":\"source\"", "\"role\":\"sauce\"")]
    [InlineData("\"code\":\"rest\"", "\"code\":\"soap\"")]
    [InlineData("\"code\":\"performer\"", "\"code\":\"actor\"")]
    [InlineData("\"resourceType\":\"Provenance\"", "\"resourceType\":\"Patient\"")]
    [InlineData("\"recorded\":\"2", "\"recorded\":\"x2")]
    [InlineData("\"observer\"", "\"observers\"")]
    public async Task Schema_FindsWhatIsWrong(string right, string wrong)
    {
        string json = await ExportAsync([Answered]);
        Assert.Contains(right, json, StringComparison.Ordinal);
        Assert.NotEmpty((await SchemaAsync()).Validate(json.Replace(right, wrong, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(0, "rest", "operation", "E", "0")]
    [InlineData(2, "rest", "operation", "E", "8")]
    [InlineData(3, "rest", "operation", "E", "4")]
    [InlineData(4, "110113", "110131", "C", "0")]
    [InlineData(5, "110113", "110131", "U", "8")]
    [InlineData(6, "110113", "110131", "D", "0")]
    [InlineData(7, "110113", "110137", "C", "0")]
    [InlineData(8, "110114", "110122", "E", "4")]
    [InlineData(9, "110101", null, "R", "0")]
    [InlineData(10, "110100", "110120", "E", "0")]
    [InlineData(11, "110100", "110121", "E", "0")]
    [InlineData(12, "110100", "110120", "E", "12")]
    public async Task Write_AuditEvent_HasTheCodesOfItsKind(int kind, string type, string? subtype, string action, string outcome)
    {
        using var bundle = JsonDocument.Parse(await ExportAsync([AllKinds[kind]]));
        JsonElement resource = Resource(bundle, 0);
        Assert.Equal(type, resource.GetProperty("type").GetProperty("code").GetString());
        Assert.Equal(subtype, resource.TryGetProperty("subtype", out JsonElement subtypes) ? subtypes[0].GetProperty("code").GetString() : null);
        Assert.Equal(action, resource.GetProperty("action").GetString());
        Assert.Equal(outcome, resource.GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task Write_Answer_TellsWhoWhatAndFromWhat()
    {
        using var bundle = JsonDocument.Parse(await ExportAsync([Answered]));
        JsonElement provenance = Resource(bundle, 1);
        Assert.Equal("urn:moelora:request|req-1", Identifier(provenance.GetProperty("target")[0]));
        Assert.Equal("urn:moelora:node|node-1", Identifier(provenance.GetProperty("agent")[0].GetProperty("who")));
        Assert.Equal("urn:moelora:tenant|clinic-1", Identifier(provenance.GetProperty("agent")[0].GetProperty("onBehalfOf")));
        Assert.Equal("urn:moelora:subject|k1", Identifier(provenance.GetProperty("agent")[1].GetProperty("who")));
        Assert.Equal(
            [
                "urn:moelora:base-model|" + Answered.BaseModelHash, "urn:moelora:bundle|" + Answered.BundleHash, "urn:moelora:version|med@1.2.0",
                "urn:moelora:task|med/entities", "urn:moelora:prompt-hmac-sha256|" + Answered.PromptHash,
            ],
            provenance.GetProperty("entity").EnumerateArray().Select(entity => Identifier(entity.GetProperty("what"))));

        JsonElement happened = Resource(bundle, 0);
        Assert.True(happened.GetProperty("agent")[0].GetProperty("requestor").GetBoolean());
        Assert.Equal(
            ["urn:moelora:audit-record|node-1/1", "urn:moelora:request|req-1", "urn:moelora:task|med/entities", "urn:moelora:version|med@1.2.0", "urn:moelora:bundle|" + Answered.BundleHash, "urn:moelora:base-model|" + Answered.BaseModelHash],
            happened.GetProperty("entity").EnumerateArray().Select(entity => Identifier(entity.GetProperty("what"))));
        Assert.Equal(
            [("prompt-tokens", "1"), ("completion-tokens", "9"), ("prompt-hmac-sha256", Answered.PromptHash), ("answer-hmac-sha256", Answered.AnswerHash)],
            happened.GetProperty("entity")[1].GetProperty("detail").EnumerateArray().Select(detail => (detail.GetProperty("type").GetString(), detail.GetProperty("valueString").GetString())));
    }

    [Fact]
    public async Task Write_AnswersThatBeganAndEnded_AreOneEventEach()
    {
        AuditEntry Begun(string id) => Answered with { Detail = AuditEntry.Begun, Target = id, RequestId = id, AnswerHash = null, CompletionTokens = null };
        string json = await ExportAsync(
        [
            Begun("runs"), Begun("killed"), Begun("ended"), Answered with { Target = "ended", RequestId = "ended" },
            Begun("killed") with { Succeeded = false, Detail = AuditEntry.Interrupted },
        ]);

        Assert.Empty((await SchemaAsync()).Validate(json).Select(error => error.ToString()));
        using var bundle = JsonDocument.Parse(json);
        JsonElement[] resources = [.. bundle.RootElement.GetProperty("entry").EnumerateArray().Select(entry => entry.GetProperty("resource"))];
        Assert.Equal(
            [("0", "answered"), ("8", "interrupted"), ("0", "begun")],
            resources.Where(resource => resource.GetProperty("resourceType").GetString() == "AuditEvent").Select(resource => (resource.GetProperty("outcome").GetString(), resource.GetProperty("outcomeDesc").GetString())));
        Assert.Equal(
            ["urn:moelora:request|ended", "urn:moelora:request|killed", "urn:moelora:request|runs"],
            resources.Where(resource => resource.GetProperty("resourceType").GetString() == "Provenance").Select(resource => Identifier(resource.GetProperty("target")[0])));
    }

    [Fact]
    public async Task Write_ManyRecords_FlushesAsItGoes()
    {
        var output = new LargestWrite();
        await new FhirAuditFormat().WriteAsync(Many(3000), output);
        Assert.True(output.Total > 10 << 20, $"{output.Total} bytes");
        Assert.InRange(output.Largest, 1, 1 << 18);
    }

    public void Dispose() => _folder.Dispose();

    private static async IAsyncEnumerable<AuditRecord> Many(int count)
    {
        for (int i = 1; i <= count; i++)
        {
            await Task.Yield();
            string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(i)));
            yield return new AuditRecord(i, DateTimeOffset.UnixEpoch, "n", Answered, hash, hash);
        }
    }

    private static JsonElement Resource(JsonDocument bundle, int index) => bundle.RootElement.GetProperty("entry")[index].GetProperty("resource");

    private static string Identifier(JsonElement reference) =>
        reference.GetProperty("identifier").GetProperty("system").GetString() + "|" + reference.GetProperty("identifier").GetProperty("value").GetString();

    private static Task<JsonSchema> SchemaAsync()
    {
        string? folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder!, "MoeLora.Grid.sln")))
            folder = Path.GetDirectoryName(folder);
        return JsonSchema.FromFileAsync(Path.Combine(folder!, "tests", "data", "fhir", "bundle-r4-subset.schema.json"));
    }

    private async Task<string> ExportAsync(IReadOnlyList<AuditEntry> entries)
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        foreach (AuditEntry entry in entries)
            await trail.AppendAsync(entry);
        using var output = new MemoryStream();
        await new FhirAuditFormat().WriteAsync(trail.ReadAsync(new AuditQuery()), output);
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private sealed class LargestWrite : MemoryStream
    {
        public long Total { get; private set; }

        public long Largest { get; private set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Total += buffer.Length;
            Largest = Math.Max(Largest, buffer.Length);
            return ValueTask.CompletedTask;
        }
    }
}
