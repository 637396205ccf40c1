using System.Text.Encodings.Web;
using System.Text.Json;
using MoeLora.Training.Records;

namespace MoeLora.Training.Synthesis.Corpora;

/// <summary>A corpus for pre-training: UTF-8, one object a line with <c>text</c>, each text a document of its own.</summary>
public static class CorpusFile
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes texts. The file appears under its name when it is complete.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<string> texts)
    {
        string unfinished = path + ".unfinished";
        using (FileStream stream = File.Create(unfinished))
        {
            using var writer = new Utf8JsonWriter(stream, Readable);
            foreach (string text in texts)
            {
                writer.WriteStartObject();
                writer.WriteString("text", text);
                writer.WriteEndObject();
                writer.Flush();
                stream.WriteByte((byte)'\n');
                writer.Reset();
            }
        }

        File.Move(unfinished, path, overwrite: true);
    }

    /// <summary>Reads text by text in the order of the file, each with its line from 1; empty lines are passed over.</summary>
    /// <exception cref="RecordException">A line is no such object, or its text is empty; the message names file and line.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IEnumerable<(int Line, string Text)> Read(string path)
    {
        int line = 0;
        foreach (string json in File.ReadLines(path))
        {
            line++;
            if (!string.IsNullOrWhiteSpace(json))
                yield return (line, ReadText(json) ?? throw new RecordException($"{path}:{line}: not an object with a \"text\" that is a string and not empty."));
        }
    }

    private static string? ReadText(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("text", out JsonElement text)
                && text.ValueKind == JsonValueKind.String
                && text.GetString() is { Length: > 0 } value ? value : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for half of a surrogate pair
        {
            return null;
        }
    }
}
