using System.Text.Json;
using System.Text.Unicode;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Reads the text of a <c>tokenizer.json</c>, version 1.0.</summary>
internal static class TokenizerFileReader
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>A tokenizer, or why the file's kind is not supported.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="CheckpointException">The file is malformed, or something in it that changes ids is not understood; all problems are listed.</exception>
    public static TokenizerLoad Read(ReadOnlyMemory<byte> json, string file)
    {
        if (!Utf8.IsValid(json.Span))
            throw new CheckpointException($"{file} cannot be used: it is not valid UTF-8. Download it again.");
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        using var document = Parse(json, file);
        return Read(document.RootElement, file);
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> json, string file)
    {
        try
        {
            return JsonDocument.Parse(json, Options);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for a name with half of a surrogate pair
        {
            throw new CheckpointException($"{file} cannot be used: it is not valid JSON, or truncated: {e.Message}", e);
        }
    }

    private static TokenizerLoad Read(JsonElement element, string file)
    {
        var problems = new ProblemList(file);
        var root = JsonFields.Open(element, "", problems);
        var model = root.Object("model");
        var kind = model is null || IsUntypedBpe(model) ? "BPE" : model.Text("type");
        problems.ThrowIfAny();
        if (UnsupportedKind(root, model!, kind) is { } reason)
            return TokenizerLoad.None($"{file} holds {reason}, which is not supported yet. The model works with token ids.");

        if (root.Text("version") is not "1.0" and var version)
            root.Problem("version", $"\"{version}\" is not 1.0, the only one known");
        // How a training batch was cut and padded. A prompt here is neither: one that is too long is refused.
        foreach (var name in (ReadOnlySpan<string>)["truncation", "padding"])
            _ = root.Optional(name);

        var nfc = TextStepsReader.ReadNormalizer(root);
        var preTokenizer = TextStepsReader.ReadPreTokenizer(root);
        var bpe = BpeModelReader.Read(model!);
        var added = AddedTokenReader.Read(root, bpe.Vocabulary, nfc);
        var (prefix, suffix) = TextStepsReader.ReadPostProcessor(
            root,
            token => bpe.Vocabulary.TryGetValue(token, out var id) ? id : added.FirstOrDefault(candidate => candidate.Content == token)?.Id);
        TextStepsReader.ReadDecoder(root);
        root.RefuseOthers();
        problems.ThrowIfAny();
        return TokenizerLoad.Of(new ByteLevelTokenizer(new TokenizerDefinition(bpe, added, nfc, preTokenizer, prefix, suffix)));
    }

    /// <summary>Files of 2020, such as GPT-2's, do not say their model's type; among the types only BPE has merges.</summary>
    private static bool IsUntypedBpe(JsonFields model) => model.Optional("type") is null && model.Optional("merges") is not null;

    /// <summary>What the file holds if it is not byte-level BPE; null if it is.</summary>
    private static string? UnsupportedKind(JsonFields root, JsonFields model, string type)
    {
        if (type != "BPE")
            return $"a tokenizer of kind \"{type}\"";
        if (model.Optional("byte_fallback") is { ValueKind: JsonValueKind.True })
            return "a BPE of the SentencePiece kind (byte_fallback)";
        return Mentions(root.Optional("pre_tokenizer"), "ByteLevel") || Mentions(root.Optional("decoder"), "ByteLevel")
            ? null
            : "a BPE that is not byte-level";
    }

    private static bool Mentions(JsonElement? step, string type) => step?.ValueKind switch
    {
        JsonValueKind.Object => step.Value.EnumerateObject().Any(member => Mentions(member.Value, type)),
        JsonValueKind.Array => step.Value.EnumerateArray().Any(item => Mentions(item, type)),
        JsonValueKind.String => JsonFields.TryText(step.Value, out var text) && text == type,
        _ => false,
    };
}
