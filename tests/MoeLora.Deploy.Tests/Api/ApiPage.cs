using System.Text;
using System.Text.Json.Nodes;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>The OpenAPI document for people: <c>deploy/docs/api.md</c>.</summary>
internal static class ApiPage
{
    private const string TypePrefix = "#/components/schemas/";

    public static string Of(JsonObject document)
    {
        var page = new StringBuilder();
        page.Append($"""
            # API reference

            Made of the OpenAPI document that the program serves, version {Text(document["info"]!["version"])}; do not edit. Each listener serves the description of its own routes at `/openapi.json`:

            ```sh
            curl http://127.0.0.1:8080/openapi.json     # inference
            curl http://127.0.0.1:8081/openapi.json     # administration
            ```

            {Text(document["info"]!["description"])}

            A key goes in the header `Authorization: Bearer KEY`. Roles do not include each other; `none` needs no key.

            """);
        Dictionary<string, (string Path, string Method, JsonObject Operation)[]> byTag = document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(operation => (path.Key, Method: operation.Key, Operation: operation.Value!.AsObject())))
            .GroupBy(operation => Text(operation.Operation["tags"]![0])).ToDictionary(group => group.Key, group => group.ToArray());
        JsonObject[] tags = [.. document["tags"]!.AsArray().Select(tag => tag!.AsObject())];
        foreach (JsonObject tag in tags)
        {
            page.Append($"\n## {Text(tag["name"])}\n\n{Text(tag["description"])}\n\n| call | role | listener | |\n|---|---|---|---|\n");
            foreach ((string path, string method, JsonObject operation) in byTag[Text(tag["name"])])
                page.Append($"| [`{method.ToUpperInvariant()} {path}`](#{Anchor(method, path)}) | {Roles(operation)} | {Text(operation["x-moelora-listener"])} | {Text(operation["summary"])} |\n");
            foreach ((string path, string method, JsonObject operation) in byTag[Text(tag["name"])])
                Write(page, path, method, operation);
        }

        page.Append("\n## Errors\n\nThe body is [`ErrorResponse`](#errorresponse): `{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`. What to do about each message: [troubleshooting.md](troubleshooting.md).\n\n| status | |\n|---|---|\n");
        foreach ((string status, JsonNode? response) in document["components"]!["responses"]!.AsObject())
            page.Append($"| {status} | {Text(response!["description"])} |\n");
        page.Append("\n## Types\n\nMembers in bold are always there.\n");
        foreach ((string name, JsonNode? schema) in document["components"]!["schemas"]!.AsObject())
        {
            page.Append($"\n### {name}\n\n{Text(schema!["description"])}\n");
            WriteMembers(page, schema.AsObject());
        }

        return page.ToString();
    }

    private static void Write(StringBuilder page, string path, string method, JsonObject operation)
    {
        page.Append($"\n### {method.ToUpperInvariant()} {path}\n\n{Text(operation["summary"])}.");
        if (operation["description"] is { } description)
            page.Append($" {Text(description)}");
        page.Append("\n\n");
        foreach (JsonNode? parameter in operation["parameters"]?.AsArray() ?? [])
            page.Append($"- `{Text(parameter!["name"])}` ({(Text(parameter["in"]) == "path" ? "in the path" : "in the query")}; {Type(parameter["schema"]!)}): {Text(parameter["description"])}\n");
        if (operation["requestBody"] is { } body)
            page.Append($"- Body{(body["required"]!.GetValue<bool>() ? "" : ", which may be left out")}: {Contents(body["content"]!.AsObject())}\n");
        JsonObject responses = operation["responses"]!.AsObject();
        foreach ((string status, JsonNode? response) in responses.Where(response => response.Key[0] == '2'))
            page.Append($"- {status}: {(response!["content"] is { } content ? Contents(content.AsObject()) : "no body")}\n");
        foreach (JsonNode? response in responses.Where(response => response.Key[0] == '2' && response.Value!["headers"] is not null).Select(response => response.Value))
            page.Append($"- Headers: {string.Join(", ", response!["headers"]!.AsObject().Select(header => $"`{header.Key}`"))}, where the tenant has such limits\n");
        string[] errors = [.. responses.Where(response => response.Key[0] != '2').Select(response => response.Key)];
        if (errors.Length > 0)
            page.Append($"- {string.Join(", ", errors)}: [`ErrorResponse`](#errorresponse)\n");
    }

    private static void WriteMembers(StringBuilder page, JsonObject schema)
    {
        JsonObject properties = schema["properties"]!.AsObject();
        if (properties.Count == 0)
            return;
        HashSet<string> required = [.. schema["required"]?.AsArray().Select(Text) ?? []];
        page.Append("\n| member | type | |\n|---|---|---|\n");
        foreach ((string name, JsonNode? property) in properties)
            page.Append($"| {(required.Contains(name) ? $"**`{name}`**" : $"`{name}`")} | {Type(property!)} | {Text(property!["description"]).Replace("|", "\\|", StringComparison.Ordinal)} |\n");
    }

    private static string Contents(JsonObject content) =>
        string.Join("; ", content.Select(each => $"`{each.Key}`{(each.Value!["schema"]!.AsObject().Count == 0 ? "" : $" of {Type(each.Value["schema"]!)}")}"));

    // What a value may be, with its bounds.
    private static string Type(JsonNode schema)
    {
        if (schema["$ref"] is { } reference)
            return $"[`{Text(reference)[TypePrefix.Length..]}`](#{Text(reference)[TypePrefix.Length..].ToLowerInvariant()})";
        if (schema["oneOf"] is JsonArray choices)
            return string.Join(" or ", choices.Select(choice => Type(choice!)));
        if (schema["const"] is { } constant)
            return $"`{constant.ToJsonString()}`";
        if (schema["enum"] is JsonArray values)
            return string.Join(", ", values.Select(value => $"`{Text(value)}`")) + Default(schema);
        if (schema["additionalProperties"] is JsonObject value)
            return $"object of {Type(value)}{OrNull(schema)}";
        if (schema["items"] is { } items)
            return $"list of {Type(items)}{Bounds(schema, "minItems", "maxItems")}{OrNull(schema)}";
        string type = schema["type"] is JsonArray several ? string.Join(" or ", several.Select(Text)) : Text(schema["type"]);
        return type + (schema["format"] is { } format ? $" ({Text(format)})" : "") + Bounds(schema, "minimum", "maximum") + Bounds(schema, "minLength", "maxLength") + Default(schema);
    }

    private static string OrNull(JsonNode schema) => schema["type"] is JsonArray types && types.Any(type => Text(type) == "null") ? ", or null" : "";

    private static string Default(JsonNode schema) => schema["default"] is { } value ? $", default {value}" : "";

    private static string Bounds(JsonNode schema, string least, string most) => (schema[least] ?? schema["exclusive" + char.ToUpperInvariant(least[0]) + least[1..]], schema[most]) switch
    {
        ({ } low, { } high) => $", {Above(schema, least)}{low} to {high}",
        ({ } low, null) => Above(schema, least) is { Length: > 0 } above ? $", {above}{low}" : $", {low} or more",
        (null, { } high) => $", at most {high}",
        _ => "",
    };

    private static string Above(JsonNode schema, string least) => schema[least] is null ? "above " : "";

    private static string Roles(JsonObject operation) =>
        operation["x-moelora-roles"]!.AsArray() is { Count: > 0 } roles ? string.Join(" or ", roles.Select(Text)) : "none";

    // As GitHub makes anchors: letters, digits, hyphens and underscores stay, spaces become hyphens.
    private static string Anchor(string method, string path) => Documents.MarkdownFile.Anchor($"{method.ToUpperInvariant()} {path}");

    private static string Text(JsonNode? node) => node?.ToString() ?? "";
}
