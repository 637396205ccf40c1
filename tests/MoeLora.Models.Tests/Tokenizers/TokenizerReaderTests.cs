using System.Text.Json.Nodes;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tests.Checkpoints;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

public sealed class TokenizerReaderTests
{
    [Fact]
    public void Read_FolderWithATokenizer_GivesIt()
    {
        using var folder = new TempDirectory();
        folder.Write("tokenizer.json", TestTokenizerFile.Create([]).ToJsonString());
        var load = TokenizerReader.Read(folder.Path);
        Assert.True(load.HasTokenizer);
        Assert.Null(load.WhyNone);
        Assert.Equal(256, load.Require().VocabularySize);
    }

    [Fact]
    public void Read_FolderWithoutOne_SaysSo()
    {
        using var folder = new TempDirectory();
        var load = TokenizerReader.Read(folder.Path);
        Assert.False(load.HasTokenizer);
        Assert.Contains("has no tokenizer.json", load.WhyNone, StringComparison.Ordinal);
        Assert.Equal(load.WhyNone, Assert.Throws<CheckpointException>(load.Require).Message);
    }

    [Theory]
    [InlineData("tokenizer.model")]
    [InlineData("ice_text.model")]
    public void Read_SentencePieceOnly_SaysThatIdsWork(string name)
    {
        using var folder = new TempDirectory();
        folder.Write(name, [0]);
        var why = TokenizerReader.Read(folder.Path).WhyNone;
        Assert.Contains(name, why, StringComparison.Ordinal);
        Assert.Contains("token ids", why, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoFolder_Throws() =>
        Assert.Throws<CheckpointException>(() => TokenizerReader.Read(Path.Combine(Path.GetTempPath(), "moelora-no-such-folder")));

    [Fact]
    public void Read_OtherKind_NamesIt()
    {
        var load = TestTokenizerFile.Load("""{"version": "1.0", "model": {"type": "Unigram", "vocab": [["<unk>", 0.0]]}}""");
        Assert.Contains("\"Unigram\"", load.WhyNone, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ByteFallback_IsTheSentencePieceKind()
    {
        var file = TestTokenizerFile.Create([]);
        file["model"]!["byte_fallback"] = true;
        Assert.Contains("byte_fallback", TestTokenizerFile.Load(file).WhyNone, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Metaspace_IsNotByteLevel()
    {
        var file = TestTokenizerFile.Create([]);
        file["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁" };
        file["decoder"] = file["pre_tokenizer"]!.DeepClone();
        Assert.Contains("not byte-level", TestTokenizerFile.Load(file).WhyNone, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MergesAsPairs_AreTheSame()
    {
        var file = TestTokenizerFile.Create(["a b", "Ġ ab"]);
        file["model"]!["merges"] = JsonNode.Parse("""[["a", "b"], ["Ġ", "ab"]]""");
        Assert.Equal([257], TestTokenizerFile.Load(file).Require().Encode(" ab"));
    }

    [Fact]
    public void Read_MergesWithoutAType_IsBpe()
    {
        var file = TestTokenizerFile.Create(["a b"]);
        file["model"]!.AsObject().Remove("type");
        Assert.Equal([256], TestTokenizerFile.Load(file).Require().Encode("ab"));
    }

    [Fact]
    public void Read_NeitherTypeNorMerges_Throws() =>
        Assert.Contains(
            "model.type: is missing",
            Assert.Throws<CheckpointException>(() => TestTokenizerFile.Load("""{"version": "1.0", "model": {"vocab": {}}}""")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Read_MissingOptionalFields_TakesTheFormatsDefaults()
    {
        var file = TestTokenizerFile.Create(["a b"]);
        foreach (var name in new[] { "truncation", "padding", "added_tokens", "normalizer", "post_processor" })
            file.Remove(name);
        foreach (var name in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges" })
            file["model"]!.AsObject().Remove(name);
        Assert.Equal([256, 'e', 0xCC, 0x81], TestTokenizerFile.Load(file).Require().Encode("abe\u0301"));
    }

    [Fact]
    public void Read_TruncationAndPaddingOfTraining_DoNotChangeIds()
    {
        var file = TestTokenizerFile.Create(["a b"]);
        var expected = TestTokenizerFile.Load(file).Require().Encode("abcdef");
        file["truncation"] = JsonNode.Parse("""{"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}""");
        file["padding"] = JsonNode.Parse("""{"strategy": {"Fixed": 16}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}""");
        Assert.Equal(expected, TestTokenizerFile.Load(file).Require().Encode("abcdef"));
    }
}
