using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;

namespace MoeLora.Gateway.Administration;

/// <summary>The contracts' own records as JSON: names and enumerations in snake_case, roles as a list, times in ISO 8601.</summary>
[JsonSerializable(typeof(GridOverview))]
[JsonSerializable(typeof(DataList<SiloOverview>), TypeInfoPropertyName = "SiloList")]
[JsonSerializable(typeof(AdapterVersionStatus))]
[JsonSerializable(typeof(DataList<AdapterVersionStatus>), TypeInfoPropertyName = "VersionList")]
[JsonSerializable(typeof(DataList<RolloutChange>), TypeInfoPropertyName = "ChangeList")]
[JsonSerializable(typeof(Tenant))]
[JsonSerializable(typeof(DataList<Tenant>), TypeInfoPropertyName = "TenantList")]
[JsonSerializable(typeof(ApiKey))]
[JsonSerializable(typeof(DataList<ApiKey>), TypeInfoPropertyName = "KeyList")]
[JsonSerializable(typeof(NewApiKey))]
[JsonSerializable(typeof(AuditRecord))]
[JsonSerializable(typeof(AuditVerdict))]
internal sealed partial class AdministrationJson : JsonSerializerContext
{
    public static AdministrationJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new RolesConverter(),
            new TenantIdConverter(),
            new JsonStringEnumConverter<AuditAction>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<RolloutState>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<ServingMode>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<GridPhase>(JsonNamingPolicy.SnakeCaseLower),
        },
    });

    private sealed class RolesConverter : JsonConverter<Roles>
    {
        public override Roles Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Roles value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            foreach (string name in RoleNames.Each(value))
                writer.WriteStringValue(name);
            writer.WriteEndArray();
        }
    }

    private sealed class TenantIdConverter : JsonConverter<TenantId>
    {
        public override TenantId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, TenantId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
    }
}

/// <summary>A list as OpenAI's lists are: inside an object, so that it can grow other members.</summary>
/// <param name="Data">The values.</param>
internal sealed record DataList<T>(IReadOnlyList<T> Data)
{
    /// <summary>Always <c>list</c>.</summary>
    public string Object => "list";
}
