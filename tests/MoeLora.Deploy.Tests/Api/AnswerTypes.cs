using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Administration;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Console;
using MoeLora.Gateway.Http;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>The JSON schemas of answers, from the records that the gateway writes and their comments.</summary>
internal sealed class AnswerTypes
{
    private static readonly JsonSerializerContext[] Contexts = [GatewayJson.Readable, AdministrationJson.Readable, ConsoleJson.Readable];

    private readonly XmlComments _comments = new(typeof(Contracts.GridError).Assembly, typeof(Gateway.GatewayParts).Assembly);
    private readonly NullabilityInfoContext _nullability = new();
    private readonly Dictionary<string, Type> _known = Contexts.SelectMany(Roots).Distinct().ToDictionary(Name);

    /// <summary>Schemas of all types that were referred to, by name.</summary>
    public SortedDictionary<string, JsonObject> Schemas { get; } = new(StringComparer.Ordinal);

    /// <summary>Refers to a type that an answer is, such as <c>Tenant</c> or <c>DataList&lt;Tenant&gt;</c>.</summary>
    public JsonObject Refer(string name) =>
        Schema(_known.GetValueOrDefault(name) ?? throw new InvalidOperationException($"operations.yaml names '{name}', which no answer is: {string.Join(", ", _known.Keys)}."));

    // What is written as JSON, by the names in the source.
    private static IEnumerable<Type> Roots(JsonSerializerContext context) =>
        context.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.PropertyType)
            .Where(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(JsonTypeInfo<>)).Select(type => type.GetGenericArguments()[0])
            .Where(type => type.Namespace!.StartsWith("MoeLora", StringComparison.Ordinal) && !type.IsEnum && Nullable.GetUnderlyingType(type) is null);

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(",", type.GetGenericArguments().Select(Name))}>"
        : type.Name;

    private static string ComponentName(Type type) => type.IsGenericType ? $"{ComponentName(type.GetGenericArguments()[0])}List" : type.Name;

    private JsonObject Schema(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return OrNull(Schema(underlying));
        if (type == typeof(string) || type == typeof(TenantId))
            return new() { ["type"] = "string" };
        if (type == typeof(bool))
            return new() { ["type"] = "boolean" };
        if (type == typeof(int) || type == typeof(long))
            return new() { ["type"] = "integer" };
        if (type == typeof(float) || type == typeof(double))
            return new() { ["type"] = "number" };
        if (type == typeof(DateTimeOffset))
            return new() { ["type"] = "string", ["format"] = "date-time" };
        if (type == typeof(Roles))
            return new() { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. RoleNames.All.Select(role => JsonValue.Create(role.Name))]) } };
        if (type == typeof(UsageField))
            return OrNull(Schema(typeof(AnswerUsage)));
        if (type.IsEnum)
            return new() { ["type"] = "string", ["enum"] = new JsonArray([.. Enum.GetValues(type).Cast<object>().Select(value => JsonSerializer.SerializeToNode(value, type, AdministrationJson.Readable))]) };
        if (type.GetInterfaces().Prepend(type).FirstOrDefault(each => each.IsGenericType && each.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>)) is { } map)
            return new() { ["type"] = "object", ["additionalProperties"] = Schema(map.GetGenericArguments()[1]) };
        if (type.GetInterfaces().Prepend(type).FirstOrDefault(each => each.IsGenericType && each.GetGenericTypeDefinition() == typeof(IEnumerable<>)) is { } list)
            return new() { ["type"] = "array", ["items"] = Schema(list.GetGenericArguments()[0]) };
        if (type.IsAssignableTo(typeof(IEnumerable)) || !type.Namespace!.StartsWith("MoeLora", StringComparison.Ordinal))
            throw new InvalidOperationException($"An answer holds a {type}, of which no schema is known: add it here.");

        string name = ComponentName(type);
        if (!Schemas.ContainsKey(name))
        {
            Schemas[name] = []; // for those that refer to themselves
            Schemas[name] = Record(type);
        }

        return new() { ["$ref"] = $"#/components/schemas/{name}" };
    }

    private JsonObject Record(Type type)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            JsonIgnoreCondition? ignored = property.GetCustomAttribute<JsonIgnoreAttribute>()?.Condition;
            string name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            bool mayBeLeftOut = ignored == JsonIgnoreCondition.WhenWritingNull; // and so is never null
            JsonObject schema = Schema(mayBeLeftOut ? Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType : property.PropertyType);
            if (!mayBeLeftOut && property.PropertyType is { IsValueType: false } reference && reference != typeof(UsageField) && _nullability.Create(property).ReadState == NullabilityState.Nullable)
                schema = OrNull(schema);
            schema["description"] = _comments.Of(property) ?? throw new InvalidOperationException($"{type.Name}.{property.Name} has no comment that says what callers get.");
            properties[name] = schema;
            if (!mayBeLeftOut)
                required.Add(name);
        }

        // The serializer's own opinion of what is written.
        JsonTypeInfo written = Contexts.Select(context => context.GetTypeInfo(type)).First(info => info is not null)!;
        string[] names = [.. written.Properties.Where(property => property.Get is not null).Select(property => property.Name)];
        if (!names.Order(StringComparer.Ordinal).SequenceEqual(properties.Select(property => property.Key).Order(StringComparer.Ordinal)))
            throw new InvalidOperationException($"{type} is written with {string.Join(", ", names)}, and described with {string.Join(", ", properties.Select(property => property.Key))}.");
        var record = new JsonObject { ["type"] = "object" };
        if (_comments.Of(type) is { } summary)
            record["description"] = summary;
        record["properties"] = properties;
        record["required"] = required;
        return record;
    }

    private static JsonObject OrNull(JsonObject schema)
    {
        if (schema["type"] is JsonValue type && schema["enum"] is null)
        {
            schema["type"] = new JsonArray(type.GetValue<string>(), "null");
            return schema;
        }

        return new() { ["oneOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
    }
}
