using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Styles;

/// <summary>
/// Finds out what a model's family does around its pieces, and holds the ids of the <c>.model</c> file against those of <c>config.json</c>: a file of another model, or of another
/// release of the same, gives ids that are wrong.
/// </summary>
internal sealed class StyleReader
{
    private static readonly string[] LlamaClasses = ["LlamaTokenizer", "LlamaTokenizerFast"];
    private static readonly string[] ChatGlmClasses = ["ChatGLMTokenizer"];

    private readonly List<string> _problems = [];
    private readonly Dictionary<string, int> _ids;
    private readonly TokenizerSettings _settings;

    private StyleReader(ModelFile model, TokenizerSettings settings)
    {
        _ids = model.Pieces.Select((piece, id) => (piece.Text, id)).ToDictionary(entry => entry.Text, entry => entry.id, StringComparer.Ordinal);
        _settings = settings;
    }

    /// <summary>Reads the style.</summary>
    /// <param name="modelDirectory">Where the settings are.</param>
    /// <param name="config">The model's config.</param>
    /// <param name="model">The pieces.</param>
    /// <param name="file">Where they are from, for messages.</param>
    /// <exception cref="CheckpointException">The files do not belong together, or ask for something that is not known; lists all problems.</exception>
    public static ITextStyle Read(string modelDirectory, ModelConfig config, ModelFile model, string file)
    {
        var reader = new StyleReader(model, TokenizerSettings.Read(modelDirectory));
        ITextStyle? style = config is ChatGlmConfig chatGlm ? reader.ChatGlm(chatGlm) : reader.Llama(config);
        int offset = style?.Offset ?? 0;
        if (model.Pieces.Count + offset > config.VocabularySize)
            reader._problems.Add($"it gives ids up to {model.Pieces.Count + offset - 1}, but config.json's vocab_size is {config.VocabularySize}: it belongs to another model");
        foreach ((string name, int id) in reader._settings.Added.Where(added => reader._ids.GetValueOrDefault(added.Name, -1) + offset != added.Id))
            reader._problems.Add($"tokenizer_config.json or added_tokens.json adds the token '{name}' with id {id}; tokens that the .model file does not have are not supported");
        if (reader._problems.Count == 0)
            return style!;
        throw new CheckpointException($"{file} cannot be used:{string.Concat(reader._problems.Select(problem => $"{Environment.NewLine}  {problem}"))}");
    }

    private LlamaStyle Llama(ModelConfig config)
    {
        ExpectClass(LlamaClasses);
        if (_settings.Flag("add_prefix_space") == false)
            _problems.Add("tokenizer_config.json turns add_prefix_space off, which is not supported");
        int? begin = Id(_settings.Text("bos_token") ?? "<s>", "begins a text"), end = Id(_settings.Text("eos_token") ?? "</s>", "ends a text");
        if (begin is { } id && config.BeginTokenId is { } expected && expected != id)
            _problems.Add($"a text begins with id {id}, but config.json's bos_token_id is {expected}");
        return new LlamaStyle(
            (_settings.Flag("add_bos_token") ?? true) && begin is { } before ? [before] : [],
            (_settings.Flag("add_eos_token") ?? false) && end is { } after ? [after] : []);
    }

    private ChatGlmStyle? ChatGlm(ChatGlmConfig config)
    {
        ExpectClass(ChatGlmClasses);
        foreach (string name in (ReadOnlySpan<string>)["do_lower_case", "remove_space"])
        {
            if (_settings.Flag(name) == true)
                _problems.Add($"tokenizer_config.json sets {name}, which is not supported");
        }

        string[] missing = [.. ((string[])[ChatGlmStyle.Mask, ChatGlmStyle.GeneralMask, ChatGlmStyle.Start, .. ChatGlmStyle.Whitespace]).Where(piece => !_ids.ContainsKey(piece))];
        if (missing.Length > 0)
        {
            _problems.Add($"it lacks the {(missing.Length == 1 ? "piece" : $"{missing.Length} pieces")} {string.Join(", ", missing.Take(5))}{(missing.Length > 5 ? ", …" : "")}: take the ice_text.model that belongs to the model's latest release");
            return null;
        }

        // Whether the ids of images are still there shows in config.json; a setting beside it must say the same.
        int offset = config.GMaskTokenId - _ids[ChatGlmStyle.GeneralMask];
        foreach ((string piece, int id, string key) in (ReadOnlySpan<(string, int, string)>)
            [(ChatGlmStyle.Mask, config.MaskTokenId, "mask_token_id"), (ChatGlmStyle.Start, config.StartTokenId, "bos_token_id")])
        {
            if (_ids[piece] + offset != id)
                _problems.Add($"{piece} has id {_ids[piece] + offset} where {ChatGlmStyle.GeneralMask} has {config.GMaskTokenId}, but config.json's {key} is {id}");
        }

        if (offset < 0)
            _problems.Add($"{ChatGlmStyle.GeneralMask} has id {_ids[ChatGlmStyle.GeneralMask]}, but config.json's gmask_token_id is {config.GMaskTokenId}");
        if (_settings.Number("num_image_tokens") is { } images && images != offset)
            _problems.Add($"config.json puts {offset} ids before the first piece, but tokenizer_config.json's num_image_tokens is {images}");
        return new ChatGlmStyle(offset, config.MaskTokenId, config.GMaskTokenId, config.StartTokenId);
    }

    private void ExpectClass(string[] known)
    {
        if (_settings.Text("tokenizer_class") is { } name && !known.Contains(name, StringComparer.Ordinal))
            _problems.Add($"tokenizer_config.json's tokenizer_class is {name}; known for this model are {string.Join(", ", known)}");
    }

    private int? Id(string piece, string what)
    {
        if (_ids.TryGetValue(piece, out int id))
            return id;
        _problems.Add($"it has no piece '{piece}', which {what}");
        return null;
    }
}
