using System.Text.Json;
using System.Text.Json.Serialization;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Answers;

/// <summary>The usage as a member that is there: with <c>include_usage</c>, every event of a stream before the last says that it is null. A null field is left out.</summary>
[JsonConverter(typeof(UsageFieldConverter))]
internal sealed record UsageField(AnswerUsage? Usage)
{
    /// <summary>Not known yet.</summary>
    public static UsageField Later { get; } = new((AnswerUsage?)null);
}

/// <summary>Writes the usage in place of the field.</summary>
internal sealed class UsageFieldConverter : JsonConverter<UsageField>
{
    public override UsageField Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("Answers are only written.");

    public override void Write(Utf8JsonWriter writer, UsageField value, JsonSerializerOptions options)
    {
        if (value.Usage is { } usage)
            JsonSerializer.Serialize(writer, usage, GatewayJson.Readable.AnswerUsage);
        else
            writer.WriteNullValue();
    }
}
