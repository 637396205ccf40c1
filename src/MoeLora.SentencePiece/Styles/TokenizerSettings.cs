using System.Text.Json;
using MoeLora.Models.Checkpoints;

namespace MoeLora.SentencePiece.Styles;

/// <summary>What <c>tokenizer_config.json</c> and <c>added_tokens.json</c> say that changes ids; everything else of them is of no interest here.</summary>
internal sealed class TokenizerSettings
{
    private readonly JsonElement _config;
    private readonly List<(string Name, int Id)> _added = [];

    private TokenizerSettings(JsonElement config, JsonElement added)
    {
        _config = config;
        if (Member(config, "added_tokens_decoder") is { ValueKind: JsonValueKind.Object } decoder)
        {
            foreach (JsonProperty token in decoder.EnumerateObject())
            {
                if (int.TryParse(token.Name, out int id) && TextOf(token.Value) is { } name)
                    _added.Add((name, id));
            }
        }

        if (added.ValueKind == JsonValueKind.Object)
            _added.AddRange(added.EnumerateObject().Where(token => token.Value.ValueKind == JsonValueKind.Number).Select(token => (token.Name, token.Value.GetInt32())));
    }

    /// <summary>Tokens that are named with their ids.</summary>
    public IReadOnlyList<(string Name, int Id)> Added => _added;

    /// <summary>Reads what there is of the two files.</summary>
    /// <exception cref="CheckpointException">One of them is no JSON.</exception>
    public static TokenizerSettings Read(string modelDirectory) => new(Parse(modelDirectory, "tokenizer_config.json"), Parse(modelDirectory, "added_tokens.json"));

    /// <summary>A truth value; null when it is not given.</summary>
    public bool? Flag(string name) => Member(_config, name)?.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    /// <summary>A whole number; null when it is not given.</summary>
    public int? Number(string name) => Member(_config, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out int number) ? number : null;

    /// <summary>A text, or a token's content; null when it is not given.</summary>
    public string? Text(string name) => Member(_config, name) is { } value ? TextOf(value) : null;

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Object => Member(value, "content") is { ValueKind: JsonValueKind.String } content ? content.GetString() : null,
        _ => null,
    };

    private static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;

    private static JsonElement Parse(string directory, string name)
    {
        string file = Path.Combine(directory, name);
        if (!File.Exists(file))
            return default;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{file} cannot be used: it is not valid JSON, or truncated: {e.Message}", e);
        }
    }
}
