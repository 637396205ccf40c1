using System.Text.Json;

namespace MoeLora.Adapters.Import;

/// <summary>Reads a small JSON object from a file: bounded size and depth, no duplicate keys.</summary>
internal static class JsonFile
{
    public const int MaxBytes = 4 << 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>Parses the file's only value, an object.</summary>
    /// <exception cref="FormatException">The file is missing, too large, no valid JSON, or no object; the message says where.</exception>
    public static JsonDocument Read(string path)
    {
        byte[] bytes;
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxBytes)
                throw new FormatException($"{path} has {file.Length} bytes; at most {MaxBytes} are read.");
            bytes = new byte[file.Length];
            file.ReadExactly(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"{path} cannot be read: {e.Message}", e);
        }

        return Parse(bytes, path);
    }

    /// <inheritdoc cref="Read"/>
    public static JsonDocument Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        if (bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(bytes, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException($"{path} holds a JSON {document.RootElement.ValueKind}, not an object.");
            RequireText(document.RootElement);
            return document;
        }
        catch (InvalidOperationException e)
        {
            document?.Dispose();
            throw new FormatException($"{path} holds text that is not valid Unicode.", e);
        }
        catch (JsonException e)
        {
            document?.Dispose();
            throw new FormatException($"{path} is not valid JSON: {e.Message}", e);
        }
        catch (FormatException)
        {
            document?.Dispose();
            throw;
        }
    }

    // Half a surrogate pair passes the parser and throws only when it is read: find it now, so that readers need not expect it.
    private static void RequireText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                    RequireText(item);
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    _ = property.Name;
                    RequireText(property.Value);
                }

                break;
        }
    }
}
