using System.Buffers.Binary;
using System.Text.Json;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Fhir;

/// <summary>
/// Audit records as FHIR R4 JSON: a Bundle of type <c>collection</c> with an <c>AuditEvent</c> for each record, and a <c>Provenance</c> for each whose
/// answer is known to come from a model (hl7.org/fhir/R4/auditevent.html, provenance.html, bundle.html). No narrative, no extension, no text of a
/// prompt or an answer. An answer is one <c>AuditEvent</c>, its end's; where the records hold no end, that of its begin, written last. Written as the records come:
/// any number takes the same memory but for the answers that have begun and not ended.
/// </summary>
public sealed class FhirAuditFormat : IAuditFormat
{
    private const int FlushBytes = 1 << 16;

    /// <inheritdoc/>
    public string Name => "fhir";

    /// <inheritdoc/>
    public string ContentType => "application/fhir+json";

    /// <inheritdoc/>
    public async Task WriteAsync(IAsyncEnumerable<AuditRecord> records, Stream output, CancellationToken cancellation = default)
    {
        await using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteString("resourceType", "Bundle");
        writer.WriteString("type", "collection");
        bool hasEntries = false;
        var begun = new Dictionary<string, AuditRecord>(StringComparer.Ordinal);
        await foreach (AuditRecord record in records.WithCancellation(cancellation))
        {
            if (record.Entry.IsBegun)
            {
                begun[record.Entry.Target!] = record;
                continue;
            }

            if (record.Entry is { Action: AuditAction.Generate, Target: { } ended })
                begun.Remove(ended);
            await WriteAsync(record);
        }

        foreach (AuditRecord record in begun.Values.OrderBy(record => record.Sequence))
            await WriteAsync(record);
        if (hasEntries)
            writer.WriteEndArray();
        writer.WriteEndObject();
        await writer.FlushAsync(cancellation);

        async ValueTask WriteAsync(AuditRecord record)
        {
            // FHIR knows no empty arrays.
            if (!hasEntries)
                writer.WriteStartArray("entry");
            hasEntries = true;

            byte[] hash = Convert.FromHexString(record.Hash);
            WriteEntry(writer, hash.AsSpan(0, 16), record, FhirAuditEvent.Write);
            if (FhirProvenance.IsFor(record))
                WriteEntry(writer, hash.AsSpan(16, 16), record, FhirProvenance.Write);
            if (writer.BytesPending >= FlushBytes)
                await writer.FlushAsync(cancellation);
        }
    }

    private static void WriteEntry(Utf8JsonWriter writer, ReadOnlySpan<byte> id, AuditRecord record, Action<Utf8JsonWriter, AuditRecord> write)
    {
        writer.WriteStartObject();
        writer.WriteString("fullUrl", Urn(id));
        writer.WriteStartObject("resource");
        write(writer, record);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    /// <summary>A UUID of a record's hash (RFC 9562, version 8): the same record has the same one in every export.</summary>
    private static string Urn(ReadOnlySpan<byte> hash)
    {
        Span<byte> bytes = stackalloc byte[16];
        hash.CopyTo(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        var id = new Guid(
            BinaryPrimitives.ReadInt32BigEndian(bytes), BinaryPrimitives.ReadInt16BigEndian(bytes[4..]), BinaryPrimitives.ReadInt16BigEndian(bytes[6..]),
            bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
        return $"urn:uuid:{id}";
    }
}
