using System.Text.Json.Nodes;

namespace MoeLora.Cli.Tests;

/// <summary>The smallest byte-level tokenizer: one id for each byte, no merges.</summary>
internal static class ByteTokenizer
{
    /// <summary>Writes a <c>tokenizer.json</c> into a model's directory. A printable ASCII character's id is its code − 33.</summary>
    public static void Write(string directory)
    {
        var vocabulary = new JsonObject();
        // The order of GPT-2's byte alphabet: printable bytes as themselves, all others from U+0100 on.
        IEnumerable<char> printable = Range('!', '~').Concat(Range('¡', '¬')).Concat(Range('®', 'ÿ'));
        foreach (char c in printable.Concat(Range((char)256, (char)(256 + 67))))
            vocabulary[c.ToString()] = vocabulary.Count;
        var byteLevel = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = byteLevel,
            ["post_processor"] = null,
            ["decoder"] = byteLevel.DeepClone(),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), tokenizer.ToJsonString());
    }

    private static IEnumerable<char> Range(char first, char last) => Enumerable.Range(first, last - first + 1).Select(code => (char)code);
}
