using System.Globalization;
using System.Text.Json;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Fhir;

/// <summary>
/// A record as an AuditEvent (hl7.org/fhir/R4/auditevent.html). Codes are of the resource's own value sets: <c>audit-event-type</c>,
/// <c>audit-event-sub-type</c>, <c>audit-event-action</c>, <c>audit-event-outcome</c>, <c>audit-source-type</c>, <c>audit-entity-type</c>,
/// <c>object-role</c>.
/// </summary>
internal static class FhirAuditEvent
{
    private static readonly FhirCode SystemObject = FhirCode.Terminology("audit-entity-type", "2", "System Object");
    private static readonly FhirCode Job = FhirCode.Terminology("object-role", "20", "Job");
    private static readonly FhirCode MasterFile = FhirCode.Terminology("object-role", "5", "Master file");
    private static readonly FhirCode SecurityResource = FhirCode.Terminology("object-role", "13", "Security Resource");
    private static readonly FhirCode SourceRole = FhirCode.Dicom("110153", "Source Role ID");
    private static readonly FhirCode ApplicationServer = FhirCode.Terminology("security-source-type", "4", "Application Server");

    /// <summary>Writes the resource's properties.</summary>
    public static void Write(Utf8JsonWriter writer, AuditRecord record)
    {
        AuditEntry entry = record.Entry;
        (FhirCode type, FhirCode? subtype, char action) = Describe(entry);
        writer.WriteString("resourceType", "AuditEvent");
        writer.WriteString("id", record.Hash);
        writer.WriteCoding("type", type);
        if (subtype is { } detail)
        {
            writer.WriteStartArray("subtype");
            writer.WriteCoding(detail);
            writer.WriteEndArray();
        }

        writer.WriteString("action", [action]);
        writer.WriteString("recorded", FhirElements.Instant(record.At));
        writer.WriteString("outcome", Outcome(entry));
        if (entry.Detail.Length > 0)
            writer.WriteString("outcomeDesc", entry.Detail);
        WriteAgents(writer, entry);
        writer.WriteStartObject("source");
        writer.WriteReference("observer", "node", record.Node, "Device");
        writer.WriteStartArray("type");
        writer.WriteCoding(ApplicationServer);
        writer.WriteEndArray();
        writer.WriteEndObject();
        WriteEntities(writer, record);
    }

    private static (FhirCode Type, FhirCode? Subtype, char Action) Describe(AuditEntry entry) => entry.Action switch
    {
        AuditAction.Generate => (
            FhirCode.Terminology("audit-event-type", "rest", "Restful Operation"), new FhirCode("http://hl7.org/fhir/restful-interaction", "operation", "operation"), 'E'),
        AuditAction.Rollout => (SecurityAlert, FhirCode.Dicom("110131", "Software Configuration"), Change(entry.Detail)),
        AuditAction.Tenancy => (SecurityAlert, FhirCode.Dicom("110137", "User Security Attributes Changed"), Change(entry.Detail)),
        AuditAction.Access => (FhirCode.Dicom("110114", "User Authentication"), FhirCode.Dicom("110122", "Login"), 'E'),
        AuditAction.Audit => (FhirCode.Dicom("110101", "Audit Log Used"), null, 'R'),
        AuditAction.Node => (FhirCode.Dicom("110100", "Application Activity"), entry.Detail == "stop" ? FhirCode.Dicom("110121", "Application Stop") : FhirCode.Dicom("110120", "Application Start"), 'E'),
        _ => throw new ArgumentOutOfRangeException(nameof(entry)),
    };

    private static FhirCode SecurityAlert => FhirCode.Dicom("110113", "Security Alert");

    /// <summary>What a change did, by the word that it was recorded with.</summary>
    private static char Change(string detail) => detail.Split('_')[0] switch
    {
        "create" or "publish" => 'C',
        "revoke" or "retire" => 'D',
        _ => 'U',
    };

    /// <summary>0 success; 4 refused, nothing was done; 8 broken off or failed; 12 the service itself was not available.</summary>
    private static string Outcome(AuditEntry entry) => entry switch
    {
        { Succeeded: true } => "0",
        { Action: AuditAction.Access } or { Action: AuditAction.Generate, AnswerHash: null, Target: null } => "4", // it never began
        { Action: AuditAction.Node } => "12",
        _ => "8",
    };

    private static void WriteAgents(Utf8JsonWriter writer, AuditEntry entry)
    {
        writer.WriteStartArray("agent");
        writer.WriteStartObject();
        writer.WriteConcept("type", SourceRole);
        if (entry.Subject is { Length: > 0 } subject)
            writer.WriteReference("who", "subject", subject);
        else
            writer.WriteString("name", "not proven");
        writer.WriteBoolean("requestor", true);
        writer.WriteEndObject();
        if (entry.Tenant is { } tenant)
        {
            writer.WriteStartObject();
            writer.WriteReference("who", "tenant", tenant.Text, "Organization");
            writer.WriteBoolean("requestor", false);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteEntities(Utf8JsonWriter writer, AuditRecord record)
    {
        AuditEntry entry = record.Entry;
        writer.WriteStartArray("entity");
        Entity("audit-record", FhirElements.RecordId(record), SecurityResource, ("sha256", record.Hash), ("count", Number(entry.Count)));
        if (entry.Action == AuditAction.Generate)
        {
            (string system, string value) = FhirElements.Answer(record);
            Entity(
                system, value, Job, ("prompt-tokens", Number(entry.PromptTokens)), ("completion-tokens", Number(entry.CompletionTokens)), ("begun-tokens", Number(entry.BegunTokens)),
                ("prompt-hmac-sha256", entry.PromptHash), ("answer-hmac-sha256", entry.AnswerHash));
        }

        if (entry.TaskName is { Length: > 0 } task)
            Entity("task", entry.Bank is null ? task : $"{entry.Bank}/{task}", MasterFile);
        if (entry.Version is { Length: > 0 } version)
            Entity("version", $"{entry.Bank}@{version}", MasterFile);
        if (entry.BundleHash is { Length: > 0 } bundle)
            Entity("bundle", bundle, MasterFile);
        if (entry.BaseModelHash is { Length: > 0 } baseModel)
            Entity("base-model", baseModel, MasterFile);
        if (entry.Action != AuditAction.Generate && entry.Target is { Length: > 0 } target)
            Entity("target", target, SecurityResource);
        writer.WriteEndArray();

        void Entity(string system, string value, FhirCode role, params ReadOnlySpan<(string Type, string? Value)> details)
        {
            writer.WriteStartObject();
            writer.WriteReference("what", system, value);
            writer.WriteCoding("type", SystemObject);
            writer.WriteCoding("role", role);
            bool hasDetails = false;
            foreach ((string type, string? text) in details)
            {
                if (string.IsNullOrEmpty(text))
                    continue;
                if (!hasDetails)
                    writer.WriteStartArray("detail");
                hasDetails = true;
                writer.WriteStartObject();
                writer.WriteString("type", type);
                writer.WriteString("valueString", text);
                writer.WriteEndObject();
            }

            if (hasDetails)
                writer.WriteEndArray();
            writer.WriteEndObject();
        }
    }

    private static string? Number(int? value) => value?.ToString(CultureInfo.InvariantCulture);
}
