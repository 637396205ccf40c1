using System.Net.Http.Json;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using MoeLora.Gateway.Hosting;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>The description of the API is that of the program. <c>MOELORA_WRITE=1</c> writes what these tests compare.</summary>
public sealed partial class ApiDocumentTests
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n", TypeInfoResolver = new DefaultJsonTypeInfoResolver() };

    [Fact]
    public async Task Document_AndPage_AreThoseOfTheRoutesAndTheirAnswers()
    {
        await using GatewayServer server = await MappedRoutes.StartAsync();
        string document = ApiDescription.Of(MappedRoutes.Of(server)).ToJsonString(Readable) + "\n";

        Generated.AssertIs(document, "src", "MoeLora.Gateway", "OpenApi", "openapi.json");
        Generated.AssertIs(ApiPage.Of(JsonNode.Parse(document)!.AsObject()), "deploy", "docs", "api.md");
    }

    [Fact]
    public async Task Document_ThatIsServed_HasEveryRouteOfItsListenerAndNoOther()
    {
        await using GatewayServer server = await MappedRoutes.StartAsync();
        using var http = new HttpClient();
        string[] addresses = [server.Addresses.Single(), server.AdministrationAddresses.Single()];
        for (int listener = 0; listener < addresses.Length; listener++)
        {
            JsonObject document = (await http.GetFromJsonAsync<JsonObject>($"{addresses[listener]}/openapi.json"))!;

            string[] served = [.. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key} {path.Key}")).Order(StringComparer.Ordinal)];
            string[] mapped = [.. MappedRoutes.Of(server, listener).Where(route => route.Method != "head").Select(route => $"{route.Method} {route.Path}").Order(StringComparer.Ordinal)];
            Assert.Equal(mapped, served);
            string[] types = [.. document["components"]!["schemas"]!.AsObject().Select(type => type.Key).Order(StringComparer.Ordinal)];
            Assert.Equal(types, Reference.Matches(document.ToJsonString()).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal));
        }
    }

    // What the gateway reads by hand is described by hand: the names in the readers' source are those of the described bodies.
    [Theory]
    [InlineData("CompletionRequest", "Parameters/GenerationParameters.cs", "Completions/CompletionReader.cs")]
    [InlineData("ChatRequest", "Parameters/GenerationParameters.cs", "Chat/ChatReader.cs")]
    [InlineData("ChatMessage,TextPart", "Chat/ChatMessages.cs")]
    [InlineData("ResponseFormat,JsonSchemaFormat", "Parameters/ResponseFormat.cs")]
    [InlineData("TenantRequest", "Administration/TenantEndpoints.cs")]
    [InlineData("KeyRequest,RotationRequest", "Administration/KeyEndpoints.cs")]
    [InlineData("CanaryRequest,ShadowRequest,RetireRequest", "Administration/RolloutEndpoints.cs")]
    public void Bodies_HaveTheParametersThatAreRead(string requests, params string[] sources)
    {
        JsonNode schemas = JsonNode.Parse(Repository.Read("src", "MoeLora.Gateway", "OpenApi", "openapi.json"))!["components"]!["schemas"]!;
        string[] described = [.. requests.Split(',').SelectMany(request => schemas[request]!["properties"]!.AsObject().Select(property => property.Key)).Distinct().Order(StringComparer.Ordinal)];
        string[] read = [.. sources.SelectMany(source => ParametersOf(Repository.Read(["src", "MoeLora.Gateway", .. source.Split('/')]))).Distinct().Order(StringComparer.Ordinal)];

        Assert.Equal(read, described);
    }

    [Fact]
    public void Audit_HasTheQueryThatIsRead()
    {
        string query = Repository.Read("src", "MoeLora.Gateway", "Administration", "AuditEndpoints.cs");
        string names = query[query.IndexOf("new QueryReader(", StringComparison.Ordinal)..query.IndexOf(");", query.IndexOf("new QueryReader(", StringComparison.Ordinal), StringComparison.Ordinal)];
        JsonNode operation = JsonNode.Parse(Repository.Read("src", "MoeLora.Gateway", "OpenApi", "openapi.json"))!["paths"]!["/admin/v1/audit"]!["get"]!;

        Assert.Equal(Quoted.Matches(names).Select(match => match.Groups[1].Value), operation["parameters"]!.AsArray().Select(parameter => parameter!["name"]!.GetValue<string>()));
    }

    // Members are read in switches over their names, or compared with one.
    private static IEnumerable<string> ParametersOf(string source) =>
        NameSwitch.Matches(source).SelectMany(match => Case.Matches(match.Value)).Concat(Comparison.Matches(source))
            .SelectMany(match => Quoted.Matches(match.Value)).Select(match => match.Groups[1].Value[(match.Groups[1].Value.LastIndexOf('.') + 1)..]);

    [GeneratedRegex("switch \\(name.*?default:", RegexOptions.Singleline)]
    private static partial Regex NameSwitch { get; }

    [GeneratedRegex("(?m)^\\s+case (\"[a-z_.]+\"( or )?)+")]
    private static partial Regex Case { get; }

    [GeneratedRegex("\\b(name|member) [!=]= \"[a-z_]+\"")]
    private static partial Regex Comparison { get; }

    [GeneratedRegex("\"([a-z_.]+)\"")]
    private static partial Regex Quoted { get; }

    [GeneratedRegex("\"#/components/schemas/(\\w+)\"")]
    private static partial Regex Reference { get; }
}
