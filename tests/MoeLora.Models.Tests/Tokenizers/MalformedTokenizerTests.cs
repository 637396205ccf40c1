using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers.Reading;

namespace MoeLora.Models.Tests.Tokenizers;

public sealed class MalformedTokenizerTests
{
    private static readonly string[] Merges = ["a b", "ab c"];

    /// <summary>A field, what it is set to (JSON; empty to remove it), and what the message must say.</summary>
    public static TheoryData<string, string, string> Changes => new()
    {
        { "version", "\"2.0\"", "version: \"2.0\" is not 1.0" },
        { "normalizer", "{\"type\": \"Lowercase\"}", "normalizer.type: normalizer \"Lowercase\" is not supported" },
        { "normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"NFKC\"}]}", "normalizer.normalizers[1].type: normalizer \"NFKC\"" },
        { "normalizer", "\"NFC\"", "normalizer: is a string, not an object" },
        { "pre_tokenizer", "{\"type\": \"Digits\", \"individual_digits\": true}", "pre-tokenizer \"Digits\" is not supported" },
        { "pre_tokenizer.pretokenizers.0.pattern", "{\"Regex\": \"a+\"}", "the split pattern a+ is not one of those known" },
        { "pre_tokenizer.pretokenizers.0.pattern", "{\"String\": \" \"}", "pattern.Regex: is missing" },
        { "pre_tokenizer.pretokenizers.0.behavior", "\"Contiguous\"", "\"Contiguous\" with invert false is not supported" },
        { "pre_tokenizer.pretokenizers.0.behavior", "\"Removed\"", "\"Removed\" with invert false is not supported" },
        { "pre_tokenizer.pretokenizers.0.type", "\"ByteLevel\"", "comes after ByteLevel" },
        { "pre_tokenizer.pretokenizers.1.add_prefix_space", "1", "add_prefix_space: is a number, not true or false" },
        { "decoder", "", "decoder: is missing" },
        { "decoder.type", "\"Fuse\"", "decoder \"Fuse\" is not supported" },
        { "post_processor.type", "\"BertProcessing\"", "post-processor \"BertProcessing\" is not supported" },
        { "model", "", "model: is missing" },
        { "model", "3", "model: is a number, not an object" },
        { "model.dropout", "0.1", "model.dropout: is not null or 0" },
        { "model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix: is not empty" },
        { "model.new_rule", "true", "model.new_rule: is a field that this reader does not know" },
        { "model.vocab", "[]", "model.vocab: is an array, not an object" },
        { "model.vocab.a", "\"x\"", "model.vocab[\"a\"]: is a string, which is not a token id" },
        { "model.vocab.a", "-1", "model.vocab[\"a\"]: -1 is not a token id" },
        { "model.vocab.a", "98", "have the same id 98" },
        { "model.vocab.a", "", "no token for 1 of the bytes that text can have (0x61)" },
        { "model.vocab.abc", "999", "no token has id 257" },
        { "model.merges", "{}", "model.merges: is an object, not an array" },
        { "model.merges.0", "\"a b c\"", "model.merges[0]: is neither" },
        { "model.merges.0", "[\"a\", 1]", "model.merges[0]: is neither" },
        { "model.merges.0", "\"zz a\"", "model.merges[0]: \"zz\", \"a\" or \"zza\" is not in the vocabulary" },
        { "model.merges.0", "\"ab c\"", "model.merges[1]: merges \"ab\" and \"c\" a second time" },
        { "added_tokens", "{}", "added_tokens: is an object, not an array" },
        { "added_tokens.0.content", "\"\"", "added_tokens[0].content: is empty" },
        { "added_tokens.0.content", "\"<t>\"", "\"<t>\" is there twice" },
        { "added_tokens.0.content", "\"ab\"", "\"ab\" has id 258 here and 256 in the vocabulary" },
        { "added_tokens.0.id", "0", "which is \"Ā\"" },
        { "added_tokens.0.id", "300", "no token has id 258" },
        { "added_tokens.0.lstrip", "", "added_tokens[0].lstrip: is missing" },
        { "added_tokens.0.strip", "true", "added_tokens[0].strip: is a field that this reader does not know" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Read_OneFieldWrong_SaysWhichAndWhy(string field, string value, string message)
    {
        var file = TestTokenizerFile.Create(Merges, "<s>", "<t>");
        Set(file, field.Split('.'), value);
        var error = Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(file));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"id": "<s>", "ids": [3], "tokens": ["<s>"]}""", "are not the ids that the vocabulary gives")]
    [InlineData("""{"id": "<s>", "ids": [], "tokens": ["<s>"]}""", "are not the ids that the vocabulary gives")]
    [InlineData("""{"id": "<x>", "ids": [258], "tokens": ["<s>"]}""", "is not the name that it is under")]
    public void Read_TemplateTokenWrong_SaysSo(string token, string message)
    {
        var error = AssertTemplate("""[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]""", token);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""[{"Sequence": {"id": "B", "type_id": 0}}]""", "only A is")]
    [InlineData("""[]""", "has the text 0 times")]
    [InlineData("""[{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]""", "has the text 2 times")]
    [InlineData("""[{"SpecialToken": {"id": "<y>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]""", "\"<y>\" is not in special_tokens")]
    [InlineData("""[{"Word": {}}, {"Sequence": {"id": "A", "type_id": 0}}]""", "single[0].SpecialToken: is missing")]
    public void Read_TemplateWrong_SaysSo(string single, string message)
    {
        var error = AssertTemplate(single, """{"id": "<s>", "ids": [258], "tokens": ["<s>"]}""");
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SeveralProblems_ListsAll()
    {
        var file = TestTokenizerFile.Create(Merges, "<s>");
        file["normalizer"]!["type"] = "NFD";
        file["model"]!["merges"]![1] = "x y";
        file["added_tokens"]![0]!["special"] = "yes";
        var message = Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(file)).Message;
        Assert.Contains("NFD", message, StringComparison.Ordinal);
        Assert.Contains("model.merges[1]", message, StringComparison.Ordinal);
        Assert.Contains("added_tokens[0].special", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ThousandsOfProblems_ListsSomeAndCountsTheRest()
    {
        var file = TestTokenizerFile.Create([]);
        file["model"]!["merges"] = new JsonArray([.. Enumerable.Range(0, 5_000).Select(i => (JsonNode)$"x{i} y")]);
        var message = Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(file)).Message;
        Assert.Contains("and 4980 more", message, StringComparison.Ordinal);
        Assert.True(message.Length < 5_000);
    }

    [Fact]
    public void Read_DuplicateToken_SaysWhich()
    {
        var json = TestTokenizerFile.Create(Merges).ToJsonString().Replace("\"abc\":257", "\"abc\":257,\"abc\":257", StringComparison.Ordinal);
        Assert.Contains("abc", Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(json)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"version\": \"1.0\"")]
    [InlineData("{\"version\": \"\\ud800\", \"\\udc00\": 1, \"model\": {\"type\": \"\\ud800\"}}")]
    public void Read_NoUsableJson_Throws(string json) => Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(json));

    [Fact]
    public void Read_InvalidUtf8_Throws() =>
        Assert.Throws<CheckpointException>(() => TokenizerFileReader.Read(new byte[] { (byte)'"', 0xFF, (byte)'"' }, "tokenizer.json"));

    [Fact]
    public void Read_EveryTruncation_Throws()
    {
        var json = Encoding.UTF8.GetBytes(TestTokenizerFile.Create(Merges, "<s>").ToJsonString());
        for (var length = 0; length < json.Length; length += 7)
            Assert.Throws<CheckpointException>(() => TokenizerFileReader.Read(json.AsMemory(0, length), "tokenizer.json"));
    }

    [Fact]
    public void Read_MutatedFiles_OnlyThrowsCheckpointException()
    {
        var random = new Random(17);
        var original = Encoding.UTF8.GetBytes(TestTokenizerFile.Create(Merges, "<s>", "é").ToJsonString());
        byte[][] fragments = [.. new[] { "\\ud800", "null", "[]", "{}", "-1", "1e400", "2147483648", "\"\"", ",", "\\u0000", "true", "[[[[" }.Select(Encoding.UTF8.GetBytes)];
        var read = 0;
        for (var round = 0; round < 10_000; round++)
        {
            var json = original.ToList();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                // Most of the file is vocabulary: half of the changes go to the rest.
                var at = random.Next(2) == 0 ? random.Next(json.Count) : random.Next(Math.Min(json.Count, 1_400));
                switch (random.Next(4))
                {
                    case 0: json[at] = (byte)random.Next(256); break;
                    case 1: json.RemoveRange(at, Math.Min(random.Next(1, 20), json.Count - at)); break;
                    case 2: json.InsertRange(at, fragments[random.Next(fragments.Length)]); break;
                    default: json[at] = (byte)"0123456789\"{}[]:,\\abeflnrstu"[random.Next(28)]; break;
                }
            }

            try
            {
                if (TokenizerFileReader.Read(json.ToArray(), "tokenizer.json").Tokenizer is { } tokenizer)
                    Assert.Equal("ab c", tokenizer.Decode([.. tokenizer.Encode("ab c", addSpecialTokens: false)], skipSpecialTokens: false));
                read++;
            }
            catch (CheckpointException)
            {
            }
        }

        Assert.InRange(read, 1, 9_999); // some changes do no harm, most do
    }

    private static CheckpointException AssertTemplate(string single, string token)
    {
        var file = TestTokenizerFile.Create(Merges, "<s>");
        file["post_processor"] = new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = JsonNode.Parse(single),
            ["pair"] = new JsonArray(),
            ["special_tokens"] = new JsonObject { ["<s>"] = JsonNode.Parse(token) },
        };
        return Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load(file));
    }

    private static void Set(JsonNode node, string[] path, string value)
    {
        foreach (var part in path[..^1])
            node = int.TryParse(part, out var index) ? node[index]! : node[part]!;
        if (node is JsonArray array)
            array[int.Parse(path[^1])] = JsonNode.Parse(value);
        else if (value.Length == 0)
            node.AsObject().Remove(path[^1]);
        else
            node[path[^1]] = JsonNode.Parse(value);
    }
}
