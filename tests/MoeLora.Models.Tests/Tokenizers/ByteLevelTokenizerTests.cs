using System.Diagnostics;
using System.Text.Json.Nodes;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

public sealed class ByteLevelTokenizerTests
{
    [Fact]
    public void Encode_EmptyText_GivesNoIds() => Assert.Empty(Tokenizer([]).Encode(""));

    [Fact]
    public void Encode_Merges_TakesTheLowestRankFirst() =>
        Assert.Equal([256, 'c'], Tokenizer(["a b", "b c"]).Encode("abc"));

    [Fact]
    public void Encode_MergesOfOneRank_GoFromTheLeft() =>
        Assert.Equal([256, 256, 'a'], Tokenizer(["a a"]).Encode("aaaaa"));

    [Fact]
    public void Encode_MergesOfMerges_BuildLongTokens() =>
        Assert.Equal([258, 258, 257, 256], Tokenizer(["a a", "aa aa", "aaaa aaaa"]).Encode(new string('a', 22)));

    [Fact]
    public void Encode_WholePieceInVocabulary_IsOneTokenOnlyWhenMergesAreIgnored()
    {
        var file = TestTokenizerFile.Create(["a b"]);
        file["model"]!["vocab"]!["xyz"] = 257;
        Assert.Equal(['x', 'y', 'z'], TestTokenizerFile.Load(file).Require().Encode("xyz"));
        file["model"]!["ignore_merges"] = true;
        Assert.Equal([257, ' ', 'x', 'y', 'z'], TestTokenizerFile.Load(file).Require().Encode("xyz xyz"));
    }

    [Fact]
    public void Encode_TextNotInFormC_IsNormalised() =>
        Assert.Equal([0xC3, 0xA9], Tokenizer([]).Encode("e\u0301"));

    [Fact]
    public void TokenBytes_OfEachToken_AreThoseItAddsToTheText()
    {
        var tokenizer = TestTokenizerFile.Load(TestTokenizerFile.Create(["a b"], "<s>")).Require();

        Assert.Equal([0xC3], tokenizer.TokenBytes(0xC3).ToArray()); // half a character
        Assert.Equal("ab"u8, tokenizer.TokenBytes(tokenizer.Encode("ab")[0]));
        Assert.True(tokenizer.TokenBytes(tokenizer.Encode("<s>")[0]).IsEmpty); // special
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.TokenBytes(tokenizer.VocabularySize).Length);
    }

    [Fact]
    public void Encode_LoneSurrogates_CountAsReplacementCharacters() =>
        Assert.Equal([.. Tokenizer([]).Encode("a\uFFFDb\uFFFD")], Tokenizer([]).Encode("a\uD83Db\uDE00"));

    [Fact]
    public void Encode_Template_AddsSpecialTokensOnlyWhenAsked()
    {
        var file = TestTokenizerFile.Create([], "<s>", "</s>");
        file["post_processor"] = JsonNode.Parse("""
            {"type": "Sequence", "processors": [
              {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
              {"type": "TemplateProcessing",
               "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
               "pair": [],
               "special_tokens": {"<s>": {"id": "<s>", "ids": [256], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [257], "tokens": ["</s>"]}}}]}
            """);
        var tokenizer = TestTokenizerFile.Load(file).Require();
        Assert.Equal([256, 'x', 257], tokenizer.Encode("x"));
        Assert.Equal([256, 257], tokenizer.Encode(""));
        Assert.Equal(['x'], tokenizer.Encode("x", addSpecialTokens: false));
    }

    [Fact]
    public void Encode_OneVeryLongWord_TakesAboutLinearTime()
    {
        var tokenizer = Tokenizer(["a b", "b a", "ab ab", "abab abab", "a a"]);
        var word = string.Concat(Enumerable.Repeat("abaab", 60_000));
        var watch = Stopwatch.StartNew();
        var ids = tokenizer.Encode(word);

        // 300,000 bytes take 0.2 s; looking at every pair for each merge would take many minutes, so the bound leaves room for a busy machine.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"took {watch.Elapsed}");
        Assert.Equal(word, tokenizer.Decode([.. ids]));
    }

    [Fact]
    public void Encode_MoreWordsThanTheCacheHolds_StaysRight()
    {
        var tokenizer = Tokenizer(["a b"]);
        for (var round = 0; round < 40_000; round++)
            Assert.Equal(256, tokenizer.Encode($"abx{(char)('a' + (round % 26))}{(char)('a' + (round / 26 % 26))}{(char)('a' + (round / 676))}")[0]);
    }

    [Fact]
    public void Encode_ManyThreads_GiveTheSameIds()
    {
        var tokenizer = Tokenizer(["a b", "ab c", "d e"]);
        var words = Enumerable.Range(0, 500).Select(i => $"abc{i} de {i % 7}ab").ToArray();
        var alone = Tokenizer(["a b", "ab c", "d e"]);
        var expected = words.Select(word => alone.Encode(word)).ToArray();
        Parallel.For(0, 4, _ => Assert.All(words.Index(), word => Assert.Equal(expected[word.Index], tokenizer.Encode(word.Item))));
    }

    [Fact]
    public void Decode_AnyText_ComesBack()
    {
        const string Text = "It's 医生\r\n\r\n  𝒳 👩‍💻 \u0000 ٣٤ end  ";
        var tokenizer = Tokenizer(["Ġ Ġ", "å Į"]);
        Assert.Equal(Text, tokenizer.Decode([.. tokenizer.Encode(Text)]));
    }

    [Fact]
    public void Decode_InvalidBytes_BecomeOneReplacementForEachMaximalPart() =>
        Assert.Equal("\uFFFDa\uFFFD\uFFFD\uFFFDb", Tokenizer([]).Decode([0xE4, 0xBD, 'a', 0xFF, 0xF0, 0x9F, 0x92, 0xC3, 'b']));

    [Theory]
    [InlineData(-1)]
    [InlineData(256)]
    public void Decode_UnknownId_Throws(int id)
    {
        var tokenizer = Tokenizer([]);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([id]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.StartStream().Append(id));
    }

    private static ITokenizer Tokenizer(string[] merges) => TestTokenizerFile.Load(TestTokenizerFile.Create(merges)).Require();
}
