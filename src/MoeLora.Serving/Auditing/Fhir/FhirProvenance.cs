using System.Text.Json;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Fhir;

/// <summary>
/// What made an answer, as a Provenance (hl7.org/fhir/R4/provenance.html): the target is the answer, the performing agent the node on behalf of the tenant, the
/// enterer who asked; the sources are the base model, the bundle, its version and the prompt, each by an identifier, the prompt by its keyed hash.
/// </summary>
internal static class FhirProvenance
{
    private static readonly FhirCode Create = FhirCode.Terminology("v3-DataOperation", "CREATE", "create");
    private static readonly FhirCode Performer = FhirCode.Terminology("provenance-participant-type", "performer", "Performer");
    private static readonly FhirCode Enterer = FhirCode.Terminology("provenance-participant-type", "enterer", "Enterer");

    /// <summary>Whether a record tells what made an answer.</summary>
    public static bool IsFor(AuditRecord record) => record.Entry is { Action: AuditAction.Generate, BaseModelHash.Length: > 0 } and ({ AnswerHash: not null } or { Target: not null });

    /// <summary>Writes the resource's properties.</summary>
    public static void Write(Utf8JsonWriter writer, AuditRecord record)
    {
        AuditEntry entry = record.Entry;
        writer.WriteString("resourceType", "Provenance");
        writer.WriteString("id", record.Hash);
        (string system, string value) = FhirElements.Answer(record);
        writer.WriteStartArray("target");
        writer.WriteReference(null, system, value);
        writer.WriteEndArray();
        writer.WriteString("recorded", FhirElements.Instant(record.At));
        writer.WriteConcept("activity", Create);

        writer.WriteStartArray("agent");
        writer.WriteStartObject();
        writer.WriteConcept("type", Performer);
        writer.WriteReference("who", "node", record.Node, "Device");
        if (entry.Tenant is { } tenant)
            writer.WriteReference("onBehalfOf", "tenant", tenant.Text, "Organization");
        writer.WriteEndObject();
        if (entry.Subject is { Length: > 0 } subject)
        {
            writer.WriteStartObject();
            writer.WriteConcept("type", Enterer);
            writer.WriteReference("who", "subject", subject);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();

        writer.WriteStartArray("entity");
        Source("base-model", entry.BaseModelHash);
        Source("bundle", entry.BundleHash);
        Source("version", entry.Version is null ? null : $"{entry.Bank}@{entry.Version}");
        Source("task", entry.TaskName is null || entry.Bank is null ? entry.TaskName : $"{entry.Bank}/{entry.TaskName}");
        Source("prompt-hmac-sha256", entry.PromptHash);
        writer.WriteEndArray();

        void Source(string what, string? identifier)
        {
            if (string.IsNullOrEmpty(identifier))
                return;
            writer.WriteStartObject();
            writer.WriteString("role", "source");
            writer.WriteReference("what", what, identifier);
            writer.WriteEndObject();
        }
    }
}
