using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Models.Tokenizers;
using MoeLora.Models.Tokenizers.Bpe;
using MoeLora.Models.Tokenizers.Reading;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>A small valid tokenizer.json to change: ids 0 to 255 are the bytes, then one id a merge, then the added tokens.</summary>
internal static class TestTokenizerFile
{
    public const string Qwen2Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>A file with Qwen2's steps.</summary>
    /// <param name="merges">Each as "a b", in the byte alphabet.</param>
    /// <param name="added">Contents of added tokens.</param>
    public static JsonObject Create(string[] merges, params string[] added)
    {
        var vocabulary = new JsonObject();
        for (var value = 0; value < 256; value++)
            vocabulary[ByteAlphabet.ToCharacter((byte)value).ToString()] = value;
        foreach (var merge in merges)
            vocabulary[merge.Replace(" ", "", StringComparison.Ordinal)] = vocabulary.Count;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. added.Select((content, index) => AddedToken(vocabulary.Count + index, content))]),
            ["normalizer"] = new JsonObject { ["type"] = "NFC" },
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "Split",
                        ["pattern"] = new JsonObject { ["Regex"] = Qwen2Pattern },
                        ["behavior"] = "Isolated",
                        ["invert"] = false,
                    },
                    ByteLevel()),
            },
            ["post_processor"] = ByteLevel(),
            ["decoder"] = ByteLevel(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = "",
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]),
            },
        };
    }

    public static JsonObject AddedToken(int id, string content) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    public static JsonObject ByteLevel() => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = false,
        ["use_regex"] = false,
    };

    public static TokenizerLoad Load(JsonNode file) => Load(file.ToJsonString());

    public static TokenizerLoad Load(string json) => TokenizerFileReader.Read(Encoding.UTF8.GetBytes(json), "tokenizer.json");
}
