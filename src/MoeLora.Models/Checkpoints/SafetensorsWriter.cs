using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MoeLora.Models.Checkpoints;

/// <summary>Writes safetensors files. The same tensors and metadata always give the same bytes.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>
    /// Writes <paramref name="entries"/> to <paramref name="path"/>, wide elements first and then by name, one after the other. The file appears
    /// whole or not at all: it is written beside its place and then renamed, over an older file if there is one.
    /// </summary>
    /// <exception cref="ArgumentException">Two tensors have the same name, or the header would be longer than the format allows.</exception>
    /// <exception cref="IOException">The file cannot be written; an older file is untouched.</exception>
    public static void Write(string path, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        SafetensorsEntry[] sorted = [.. entries.OrderBy(entry => SafetensorsDType.Order(entry.DType)).ThenBy(entry => entry.Name, StringComparer.Ordinal)];
        if (sorted.DistinctBy(entry => entry.Name).Count() != sorted.Length)
            throw new ArgumentException("Two tensors have the same name.", nameof(entries));
        ReadOnlySpan<byte> header = Header(sorted, metadata);

        string whole = Path.GetFullPath(path);
        string temporary = Path.Combine(Path.GetDirectoryName(whole)!, $".{Path.GetFileName(whole)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                Span<byte> length = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                stream.Write(length);
                stream.Write(header);
                foreach (SafetensorsEntry entry in sorted)
                    entry.WriteTo(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, whole, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The JSON header, padded with spaces so that the data begins at a multiple of 8.</summary>
    private static ReadOnlySpan<byte> Header(SafetensorsEntry[] sorted, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (SafetensorsEntry entry in sorted)
                offset = WriteEntry(json, entry, offset);
            json.WriteEndObject();
        }

        int padding = -buffer.WrittenCount & (Alignment - 1);
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        if (buffer.WrittenCount > SafetensorsHeader.MaxHeaderBytes)
            throw new ArgumentException($"The header would have {buffer.WrittenCount} bytes, over the format's limit of {SafetensorsHeader.MaxHeaderBytes}; write several files.");
        return buffer.WrittenSpan;
    }

    private static long WriteEntry(Utf8JsonWriter json, SafetensorsEntry entry, long begin)
    {
        json.WriteStartObject(entry.Name);
        json.WriteString("dtype", SafetensorsDType.NameOf(entry.DType));
        json.WriteStartArray("shape");
        foreach (int size in entry.Shape)
            json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(begin + entry.ByteCount);
        json.WriteEndArray();
        json.WriteEndObject();
        return begin + entry.ByteCount;
    }
}
