using System.Text.Json;
using System.Text.Unicode;

namespace MoeLora.Models.Checkpoints;

/// <summary>The members of a JSON object whose names are all different and valid text.</summary>
internal sealed class JsonMembers : Dictionary<string, JsonElement>
{
    /// <summary>More than any index, config or tokenizer settings file needs.</summary>
    private const long MaxFileBytes = 64 << 20;

    private JsonMembers()
        : base(StringComparer.Ordinal)
    {
    }

    /// <exception cref="CheckpointException">The file cannot be read, or is not a JSON object.</exception>
    public static JsonMembers ReadFile(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > MaxFileBytes)
                throw new CheckpointException($"{path}: {stream.Length} bytes are more than the {MaxFileBytes} that such a file may have.");
            byte[] json = new byte[stream.Length];
            stream.ReadExactly(json);
            return Parse(json, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: the file cannot be read: {e.Message}", e);
        }
    }

    /// <exception cref="CheckpointException">The text is not a JSON object.</exception>
    public static JsonMembers Parse(ReadOnlyMemory<byte> json, string file)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        if (!Utf8.IsValid(json.Span))
            throw new CheckpointException($"{file}: the file is not valid UTF-8.");
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 32 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new CheckpointException($"{file}: the file holds a JSON {document.RootElement.ValueKind}, not an object.");
            return Of(document.RootElement.Clone(), file);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for a name that is not valid Unicode
        {
            throw new CheckpointException($"{file}: the file is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>The members of an object inside <paramref name="file"/>.</summary>
    public static JsonMembers Of(JsonElement element, string file)
    {
        var members = new JsonMembers();
        try
        {
            foreach (JsonProperty property in element.EnumerateObject())
                members.Add(property.Name, property.Value);
        }
        catch (InvalidOperationException e)
        {
            throw new CheckpointException($"{file}: a key is not valid Unicode text.", e);
        }

        return members;
    }

    /// <summary>The text of a JSON string, or null when the element is something else or not valid Unicode.</summary>
    public static string? Text(JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
