using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.OpenApi;

/// <summary>
/// <c>GET /openapi.json</c>: of the description that comes with the program (<c>openapi.json</c>, which a test makes of the routes, the answers' records and
/// <c>operations.yaml</c>), the routes that this listener has, and the types that they use.
/// </summary>
/// <param name="routes">The listener's routes, read when the document is first asked for.</param>
internal sealed partial class ApiDocument(IEndpointRouteBuilder routes)
{
    private const string Resource = "openapi/openapi.json";
    private const string TypePrefix = "#/components/schemas/";

    private readonly Lazy<byte[]> _bytes = new(() => JsonSerializer.SerializeToUtf8Bytes(Describe(routes), GatewayJson.Readable.JsonObject));

    public Task ReadAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = _bytes.Value.Length;
        return context.Response.Body.WriteAsync(_bytes.Value, context.RequestAborted).AsTask();
    }

    /// <summary>A route's address as OpenAPI spells it: <c>/v1/models/{**id}</c> is <c>/v1/models/{id}</c>.</summary>
    public static string PathOf(RouteEndpoint endpoint) => Parameter.Replace(endpoint.RoutePattern.RawText!, "{$1}");

    private static JsonObject Describe(IEndpointRouteBuilder routes)
    {
        HashSet<(string Path, string Method)> mapped =
        [
            .. routes.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
                .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(method => (PathOf(endpoint), method.ToLowerInvariant()))),
        ];
        JsonObject document = Read();
        JsonObject paths = document["paths"]!.AsObject();
        foreach ((string path, JsonNode? operations) in paths.ToArray())
        {
            foreach ((string method, _) in operations!.AsObject().ToArray())
            {
                if (!mapped.Contains((path, method)))
                    operations.AsObject().Remove(method);
            }

            if (operations.AsObject().Count == 0)
                paths.Remove(path);
        }

        KeepUsed(document["components"]!["schemas"]!.AsObject(), paths, document["components"]!["responses"]!);
        return document;
    }

    private static JsonObject Read()
    {
        using Stream stream = typeof(ApiDocument).Assembly.GetManifestResourceStream(Resource)!;
        return JsonNode.Parse(stream)!.AsObject();
    }

    private static void KeepUsed(JsonObject types, params JsonNode[] users)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        var unread = new Stack<JsonNode>(users);
        while (unread.TryPop(out JsonNode? node))
        {
            foreach (string name in Reference.Matches(node.ToJsonString()).Select(match => match.Groups[1].Value))
            {
                if (used.Add(name))
                    unread.Push(types[name]!);
            }
        }

        foreach ((string name, _) in types.ToArray())
        {
            if (!used.Contains(name))
                types.Remove(name);
        }
    }

    [GeneratedRegex(@"\{\**(\w+)\??\}")]
    private static partial Regex Parameter { get; }

    [GeneratedRegex("\"" + TypePrefix + "(\\w+)\"")]
    private static partial Regex Reference { get; }
}
