using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>Folders as models are published, of Llama 2's kind.</summary>
public sealed class SentencePieceFormatTests
{
    [Fact]
    public void Read_FolderWithoutAModelFile_IsNotThisFormat()
    {
        using var folder = new ModelFolder("llama-tiny");

        Assert.Null(folder.Read());
    }

    [Fact]
    public void Read_FileOfAnotherName_SaysWhichAreKnown()
    {
        using var folder = new ModelFolder("llama-tiny");

        string why = folder.Write("spiece.model", [1, 2, 3]).Read()!.WhyNone!;

        Assert.Contains("spiece.model", why, StringComparison.Ordinal);
        Assert.Contains("ice_text.model or tokenizer.model", why, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Llama_PutsTheBeginTokenBeforeAText()
    {
        using ModelFolder folder = ModelFolder.Llama();
        ITokenizer tokenizer = folder.Read()!.Require();

        Assert.Equal(3000, tokenizer.VocabularySize);
        Assert.Equal([1, .. tokenizer.Encode("医生", addSpecialTokens: false)], tokenizer.Encode("医生"));
        Assert.Equal("医生", tokenizer.Decode([.. tokenizer.Encode("医生"), 2]));
        Assert.Equal("<s> 医生</s>", tokenizer.Decode([.. tokenizer.Encode("医生"), 2], skipSpecialTokens: false));
        Assert.True(tokenizer.TokenBytes(1).IsEmpty);
    }

    [Fact]
    public void Encode_NamesOfSpecialTokens_AreThoseTokens()
    {
        using ModelFolder folder = ModelFolder.Llama();
        ITokenizer tokenizer = folder.Read()!.Require();
        IReadOnlyList<int> first = tokenizer.Encode("答 ", addSpecialTokens: false), second = tokenizer.Encode("[INST] 问", addSpecialTokens: false);

        // Each stretch between them is a text of its own, with the space in front, as in Llama 2's own code.
        Assert.Equal([1, .. first, 2, 1, .. second], tokenizer.Encode("答 </s><s>[INST] 问"));
    }

    [Theory]
    [InlineData("""{"add_bos_token": false}""", new int[0], new int[0])]
    [InlineData("""{"add_bos_token": true, "add_eos_token": true}""", new[] { 1 }, new[] { 2 })]
    [InlineData("""{"bos_token": {"content": "</s>"}}""", new[] { 2 }, new int[0])]
    [InlineData("""{"tokenizer_class": "LlamaTokenizer", "legacy": false, "added_tokens_decoder": {"1": {"content": "<s>"}}}""", new[] { 1 }, new int[0])]
    public void Read_TokenizerConfig_SaysWhatGoesAroundAText(string settings, int[] before, int[] after)
    {
        using ModelFolder folder = ModelFolder.Llama(("bos_token_id", null)).Write("tokenizer_config.json", settings);
        ITokenizer tokenizer = folder.Read()!.Require();

        Assert.Equal([.. before, .. tokenizer.Encode("a", addSpecialTokens: false), .. after], tokenizer.Encode("a"));
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"add_prefix_space": false}""", "add_prefix_space")]
    [InlineData("tokenizer_config.json", """{"tokenizer_class": "T5Tokenizer"}""", "T5Tokenizer")]
    [InlineData("tokenizer_config.json", """{"bos_token": "<begin>"}""", "<begin>")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"3000": {"content": "<pad>"}}}""", "'<pad>' with id 3000")]
    [InlineData("added_tokens.json", """{"<extra>": 3000}""", "'<extra>' with id 3000")]
    [InlineData("added_tokens.json", """{"<s>": 7}""", "'<s>' with id 7")]
    [InlineData("tokenizer_config.json", """{"add_bos""", "not valid JSON")]
    public void Read_SettingThatWouldGiveOtherIds_IsRefused(string file, string content, string reason)
    {
        using ModelFolder folder = ModelFolder.Llama().Write(file, content);

        Assert.Contains(reason, folder.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ModelFileOfAnotherModel_IsRefusedWithAllThatTellsSo()
    {
        using ModelFolder folder = ModelFolder.Llama(("vocab_size", 2999), ("bos_token_id", 7));

        string refusal = folder.Refusal();

        Assert.Contains("ids up to 2999, but config.json's vocab_size is 2999", refusal, StringComparison.Ordinal);
        Assert.Contains("begins with id 1, but config.json's bos_token_id is 7", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ModelsOwnTest_IsRun()
    {
        byte[] content = File.ReadAllBytes(TestModels.File("tokenizers", "sp_bpe.model"));
        using ModelFolder right = new("llama-tiny", ("vocab_size", 3000), ("bos_token_id", 1)), wrong = new("llama-tiny", ("vocab_size", 3000), ("bos_token_id", 1));
        right.Write("tokenizer.model", [.. content, .. Test("医生", "▁医生")]);
        wrong.Write("tokenizer.model", [.. content, .. Test("医生", "▁ 医生")]);

        Assert.True(right.Read()!.HasTokenizer);
        Assert.Contains("its own test fails: '医生' should be '▁ 医生', but is '▁医生'", wrong.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Register_Format_IsReadWhereTokenizerJsonIsNot()
    {
        using ModelFolder folder = ModelFolder.Llama();
        Assert.Contains("moelora-silo", TokenizerReader.Read(folder.Path).WhyNone, StringComparison.Ordinal);

        TokenizerReader.Add(new SentencePieceFormat());

        Assert.Equal(3000, TokenizerReader.Read(folder.Path).Require().VocabularySize);
    }

    private static ReadOnlySpan<byte> Test(string input, string expected) =>
        new MessageWriter().Nested(4, new MessageWriter().Nested(1, new MessageWriter().Text(1, input).Text(2, expected))).Message.Span;
}
