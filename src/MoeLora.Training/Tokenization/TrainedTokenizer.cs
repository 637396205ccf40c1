using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Models.Tokenizers;
using MoeLora.Models.Tokenizers.Splitting;

namespace MoeLora.Training.Tokenization;

/// <summary>A byte-level BPE as it came out of training; <see cref="WriteTo"/> makes it a file that <see cref="TokenizerReader"/> reads.</summary>
public sealed class TrainedTokenizer
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly IReadOnlyList<(int Left, int Right)> _merges;
    private readonly SplitPattern _split;

    internal TrainedTokenizer(IReadOnlyList<string> tokens, IReadOnlyList<(int Left, int Right)> merges, IReadOnlyList<string> specialTokens, SplitPattern split)
    {
        Tokens = tokens;
        _merges = merges;
        SpecialTokens = specialTokens;
        _split = split;
    }

    /// <summary>The tokens of text by id, each byte as a character of GPT-2's byte alphabet. The special tokens follow them.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>The special tokens; the id of the first is the number of <see cref="Tokens"/>.</summary>
    public IReadOnlyList<string> SpecialTokens { get; }

    /// <summary>All tokens: ids are below this, and each is used.</summary>
    public int VocabularySize => Tokens.Count + SpecialTokens.Count;

    /// <summary>The pairs of ids that are merged, in the order of training.</summary>
    internal IReadOnlyList<(int Left, int Right)> Merges => _merges;

    /// <summary>The id of a special token.</summary>
    /// <exception cref="ArgumentException">It is not one of <see cref="SpecialTokens"/>.</exception>
    public int IdOf(string specialToken)
    {
        for (int i = 0; i < SpecialTokens.Count; i++)
            if (SpecialTokens[i] == specialToken)
                return Tokens.Count + i;
        throw new ArgumentException($"'{specialToken}' is not a special token of this tokenizer, which has {string.Join(", ", SpecialTokens)}.", nameof(specialToken));
    }

    /// <summary>Writes <c>tokenizer.json</c> in Hugging Face's format.</summary>
    /// <param name="directory">Of the model; made when it is not there.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteTo(string directory)
    {
        string path = Path.Combine(Directory.CreateDirectory(directory).FullName, "tokenizer.json"), unfinished = path + ".unfinished";
        File.WriteAllText(unfinished, ToJson().ToJsonString(Readable));
        File.Move(unfinished, path, overwrite: true);
    }

    private JsonObject ToJson() => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = new JsonArray([.. SpecialTokens.Select((token, index) => AddedToken(token, Tokens.Count + index))]),
        ["normalizer"] = null,
        ["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Split",
                    ["pattern"] = new JsonObject { ["Regex"] = _split.Text },
                    ["behavior"] = "Isolated",
                    ["invert"] = false,
                },
                ByteLevel()),
        },
        ["post_processor"] = null,
        ["decoder"] = ByteLevel(),
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = null,
            ["continuing_subword_prefix"] = null,
            ["end_of_word_suffix"] = null,
            ["fuse_unk"] = false,
            ["byte_fallback"] = false,
            ["ignore_merges"] = false,
            ["vocab"] = new JsonObject(Tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)JsonValue.Create(id)))),
            ["merges"] = new JsonArray([.. _merges.Select(merge => (JsonNode)$"{Tokens[merge.Left]} {Tokens[merge.Right]}")]),
        },
    };

    private static JsonObject AddedToken(string content, int id) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    private static JsonObject ByteLevel() => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = false,
        ["use_regex"] = false,
    };
}
