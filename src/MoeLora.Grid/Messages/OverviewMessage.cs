using System.Text.Json;
using System.Text.Json.Serialization;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Grid.Messages;

/// <summary>A node's state between silos, or why there is none. As JSON, because only pages for people ask, and what they show grows often.</summary>
/// <param name="Json">The overview without versions, which the gates know; null with an error.</param>
/// <param name="Error">Why there is none.</param>
[GenerateSerializer, Immutable, Alias("moelora.overview")]
public sealed record OverviewMessage([property: Id(0)] byte[]? Json, [property: Id(1)] ErrorMessage? Error)
{
    private static readonly JsonSerializerOptions Options = new() { Converters = { new TenantText() } };

    internal static OverviewMessage Of(GridOverview overview) => new(JsonSerializer.SerializeToUtf8Bytes(overview with { Versions = [] }, Options), null);

    internal GridOverview? ToOverview() => Json is null ? null : JsonSerializer.Deserialize<GridOverview>(Json, Options);

    private sealed class TenantText : JsonConverter<TenantId>
    {
        public override TenantId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TenantId.Parse(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, TenantId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
    }
}
