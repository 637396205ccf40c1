using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.OpenApi;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>Makes the OpenAPI document: of the mapped routes, the types of answers, and <c>operations.yaml</c>.</summary>
internal sealed partial class ApiDescription
{
    private const string TypePrefix = "#/components/schemas/";

    private readonly Dictionary<string, object?> _yaml = YamlTree.Map(Repository.Read("src", "MoeLora.Gateway", "OpenApi", "operations.yaml"));
    private readonly AnswerTypes _types = new();
    private readonly HashSet<string> _described = new(StringComparer.Ordinal);

    private ApiDescription()
    {
    }

    /// <summary>The document of all routes of both listeners.</summary>
    /// <exception cref="InvalidOperationException">Routes and operations.yaml differ.</exception>
    public static JsonObject Of(IReadOnlyList<ApiRoute> routes) => new ApiDescription().Describe(routes);

    private JsonObject Describe(IReadOnlyList<ApiRoute> routes)
    {
        var problems = new List<string>();
        var paths = new JsonObject();
        foreach (IGrouping<string, ApiRoute> path in routes.GroupBy(route => route.Path).OrderBy(path => path.Key, StringComparer.Ordinal))
        {
            var operations = new JsonObject();
            foreach (ApiRoute route in path.OrderBy(route => route.Method, StringComparer.Ordinal))
            {
                if (operations.ContainsKey(route.Method) || route.Method == "head")
                    continue; // on both listeners; as GET
                if (_yaml.At("operations", route.Name) is { } said)
                    operations[route.Method] = Operation(route, said);
                else
                    problems.Add($"{route.Name} is not described.");
                _described.Add(route.Name);
            }

            paths[path.Key] = operations;
        }

        problems.AddRange(_yaml.Map("operations").Keys.Where(name => !_described.Contains(name)).Select(name => $"There is no route {name}."));
        if (problems.Count > 0)
            throw new InvalidOperationException($"src/MoeLora.Gateway/OpenApi/operations.yaml: {string.Join(" ", problems)}");
        _types.Refer("ErrorResponse");
        foreach ((string name, object? request) in _yaml.Map("requests"))
            _types.Schemas.Add(name, Request(request));
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "MoeLora.Grid",
                ["version"] = typeof(ApiDocument).Assembly.GetName().Version!.ToString(3),
                ["description"] = _yaml.Text("description"),
                ["license"] = new JsonObject { ["name"] = "MIT", ["identifier"] = "MIT" },
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/", ["description"] = "The listener that serves this description." }),
            ["tags"] = new JsonArray([.. _yaml.Map("tags").Select(tag => new JsonObject { ["name"] = tag.Key, ["description"] = (string)tag.Value! })]),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    ["key"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "An API key, or a token of the configured OpenID Connect issuer." },
                },
                ["responses"] = new JsonObject(_yaml.Map("statuses").Select(status => KeyValuePair.Create(
                    status.Key, (JsonNode?)new JsonObject { ["description"] = (string)status.Value!, ["content"] = Content("application/json", Refer("ErrorResponse")) }))),
                ["schemas"] = new JsonObject(_types.Schemas.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value))),
            },
        };
    }

    private JsonObject Operation(ApiRoute route, object said)
    {
        var operation = new JsonObject { ["operationId"] = IdOf(route), ["tags"] = new JsonArray(said.Text("tag")), ["summary"] = said.Text("summary") };
        if (said.Text("description") is { } description)
            operation["description"] = description;
        operation["x-moelora-listener"] = route.Listener;
        operation["x-moelora-roles"] = new JsonArray([.. RoleNames.Each(route.Roles).Select(name => JsonValue.Create(name))]);
        operation["security"] = route.Roles == Roles.None ? [] : new JsonArray(new JsonObject { ["key"] = new JsonArray() });
        JsonObject[] parameters =
        [
            .. Placeholder.Matches(route.Path).Select(match => match.Groups[1].Value).Select(name =>
                Parameter(name, "path", new JsonObject { ["type"] = "string" }, _yaml.Text("parameters", name) ?? throw new InvalidOperationException($"operations.yaml does not say what the parameter '{name}' is."))),
            .. said.Map("query").Select(parameter => Parameter(parameter.Key, "query", Schema(parameter.Value), null)),
        ];
        if (parameters.Length > 0)
            operation["parameters"] = new JsonArray(parameters);
        if (said.Text("body") is { } body)
            operation["requestBody"] = new JsonObject { ["required"] = said.At("optionalBody") is not true, ["content"] = Content("application/json", Refer(body)) };
        else if (said.At("archive") is true)
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content("application/zip", []) };
        operation["responses"] = Responses(route, said);
        return operation;
    }

    private JsonObject Responses(ApiRoute route, object said)
    {
        JsonObject? content =
            said.Text("answer") is { } answer ? Content(said.Text("media") ?? "application/json", _types.Refer(answer))
            : said.Text("text") is { } media ? Content(media, new JsonObject { ["type"] = "string" })
            : said.At("object") is true ? Content("application/json", new JsonObject { ["type"] = "object" })
            : null;
        if (said.Text("stream") is { } events)
            content!["text/event-stream"] = new JsonObject { ["schema"] = _types.Refer(events) };
        var good = new JsonObject { ["description"] = content is null ? "Done." : "The answer." };
        if (said.At("headers") is true)
        {
            good["headers"] = new JsonObject(((string[])["requests", "tokens"]).SelectMany(what => (string[])[$"x-ratelimit-limit-{what}", $"x-ratelimit-remaining-{what}", $"x-ratelimit-reset-{what}"])
                .Select(name => KeyValuePair.Create(name, (JsonNode?)new JsonObject { ["schema"] = new JsonObject { ["type"] = "string" }, ["description"] = "Where the tenant has such a limit." })));
        }

        if (content is not null)
            good["content"] = content;
        var responses = new JsonObject { [content is null ? "204" : "200"] = good };
        long[] guards = route.Roles == Roles.None ? [] : [401, 403];
        foreach (long status in guards.Concat(said.List("errors").Cast<long>()).Order())
            responses[$"{status}"] = new JsonObject { ["$ref"] = $"#/components/responses/{status}" };
        return responses;
    }

    // GET /admin/v1/banks/{bank}/history is get_admin_v1_banks_bank_history.
    private static string IdOf(ApiRoute route) => string.Join('_', Words.Matches($"{route.Method} {route.Path}").Select(match => match.Value));

    private static JsonObject Parameter(string name, string place, JsonObject schema, string? description)
    {
        description ??= schema["description"]!.GetValue<string>();
        schema.Remove("description");
        return new JsonObject { ["name"] = name, ["in"] = place, ["required"] = place == "path", ["description"] = description, ["schema"] = schema };
    }

    private static JsonObject Content(string media, JsonObject schema) => new() { [media] = new JsonObject { ["schema"] = schema } };

    private static JsonObject Refer(string name) => new() { ["$ref"] = TypePrefix + name };

    private static JsonObject Request(object? said)
    {
        JsonObject schema = Schema(said);
        schema.Insert(0, "type", "object");
        schema["additionalProperties"] = false;
        return schema;
    }

    private static JsonObject Schema(object? said) => (JsonObject)Node(said)!;

    private static JsonNode? Node(object? value) => value switch
    {
        null => null,
        Dictionary<string, object?> map => new JsonObject(map.Select(member => KeyValuePair.Create(member.Key, member.Key == "$ref" ? TypePrefix + member.Value : Node(member.Value)))),
        List<object?> list => new JsonArray([.. list.Select(Node)]),
        _ => JsonValue.Create(value),
    };

    [GeneratedRegex("[a-z0-9]+")]
    private static partial Regex Words { get; }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Placeholder { get; }
}

/// <summary>A route that is mapped.</summary>
/// <param name="Path">As OpenAPI spells it.</param>
/// <param name="Method">In lower case.</param>
/// <param name="Roles">Who may call it; of several roles any one is enough.</param>
/// <param name="Listener"><c>public</c>, <c>administration</c> or <c>both</c>.</param>
internal sealed record ApiRoute(string Path, string Method, Roles Roles, string Listener)
{
    /// <summary>As operations.yaml has it.</summary>
    public string Name => $"{Method.ToUpperInvariant()} {Path}";
}
