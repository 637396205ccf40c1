using System.Globalization;
using System.Text.Json;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Fhir;

/// <summary>A code of a code system.</summary>
/// <param name="System">The code system's URI.</param>
/// <param name="Code">The code.</param>
/// <param name="Display">Its meaning there.</param>
internal readonly record struct FhirCode(string System, string Code, string Display)
{
    public static FhirCode Dicom(string code, string display) => new("http://dicom.nema.org/resources/ontology/DCM", code, display);

    public static FhirCode Terminology(string system, string code, string display) => new($"http://terminology.hl7.org/CodeSystem/{system}", code, display);
}

/// <summary>The data types that both resources use (hl7.org/fhir/R4/datatypes.html, references.html).</summary>
internal static class FhirElements
{
    /// <summary>The systems of our identifiers begin with this.</summary>
    public const string Systems = "urn:moelora:";

    public static string Instant(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>The answer of a record: the id under which the caller knows it, else the record itself.</summary>
    public static (string System, string Value) Answer(AuditRecord record) =>
        record.Entry.RequestId is { Length: > 0 } id ? ("request", id) : ("audit-record", RecordId(record));

    public static string RecordId(AuditRecord record) => string.Create(CultureInfo.InvariantCulture, $"{record.Node}/{record.Sequence}");

    /// <summary>A Coding.</summary>
    public static void WriteCoding(this Utf8JsonWriter writer, FhirCode code)
    {
        writer.WriteStartObject();
        writer.WriteString("system", code.System);
        writer.WriteString("code", code.Code);
        writer.WriteString("display", code.Display);
        writer.WriteEndObject();
    }

    /// <summary>A named Coding.</summary>
    public static void WriteCoding(this Utf8JsonWriter writer, string name, FhirCode code)
    {
        writer.WritePropertyName(name);
        writer.WriteCoding(code);
    }

    /// <summary>A named CodeableConcept of one Coding.</summary>
    public static void WriteConcept(this Utf8JsonWriter writer, string name, FhirCode code)
    {
        writer.WriteStartObject(name);
        writer.WriteStartArray("coding");
        writer.WriteCoding(code);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>A named Reference to something that is known by an identifier.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="name">The element's name; null inside an array.</param>
    /// <param name="system">The rest of the identifier's system.</param>
    /// <param name="value">The identifier.</param>
    /// <param name="type">The resource type that it would be, where it would be one.</param>
    public static void WriteReference(this Utf8JsonWriter writer, string? name, string system, string value, string? type = null)
    {
        if (name is not null)
            writer.WritePropertyName(name);
        writer.WriteStartObject();
        if (type is not null)
            writer.WriteString("type", type);
        writer.WriteStartObject("identifier");
        writer.WriteString("system", Systems + system);
        writer.WriteString("value", value);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
