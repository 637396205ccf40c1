using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>
/// Folders of ChatGLM-6B's kind. Its own ice_text.model has 130,344 pieces; the one here has the same at its beginning (&lt;unk&gt; to ▁ are 0 to 5) and, after a few words, the same in the same
/// order at its end.
/// </summary>
public sealed class ChatGlmTests
{
    private const int Words = 9; // pieces before [MASK]
    private const int Mask = Words, GMask = Words + 1, Start = Words + 4, Tab = Words + 8, Blank2 = Words + 9;

    [Theory]
    [InlineData(0)]
    [InlineData(20_000)]
    public void Encode_Text_GetsGMaskAndStart(int images)
    {
        using ModelFolder folder = Folder(images);
        ITokenizer tokenizer = folder.Read()!.Require();

        // As ChatGLM-6B has it: ▁ 你好 [gMASK] <sop> are 5, 74874, 130001, 130004, and 20,000 more in its first release.
        Assert.Equal(At(images, 5, 6, GMask, Start), tokenizer.Encode("你好"));
        Assert.Equal(At(images, 5, 6), tokenizer.Encode("你好", addSpecialTokens: false));
        Assert.Equal(images + Words + 8 + 80 + 256, tokenizer.VocabularySize);
        Assert.Equal("你好", tokenizer.Decode(tokenizer.Encode("你好").ToArray()));
    }

    [Fact]
    public void Encode_Whitespace_HasPiecesOfItsOwn()
    {
        using ModelFolder folder = Folder();
        ITokenizer tokenizer = folder.Read()!.Require();
        string text = $"你好\n\t  问{new string(' ', 81)}你好{new string(' ', 80)}你好{new string(' ', 163)}";

        IReadOnlyList<int> ids = tokenizer.Encode(text, addSpecialTokens: false);

        // A run of 81 is one of 80 and a plain space, which the next piece's mark is; one of 163 is two of 80 and one of three.
        int blank80 = Blank2 + 78, blank3 = Blank2 + 1;
        Assert.Equal([5, 6, 4, Tab, Blank2, 7, blank80, 5, 6, blank80, 6, blank80, blank80, blank3], ids);
        Assert.Equal(text, tokenizer.Decode([.. ids]));
    }

    [Theory]
    [InlineData("问[gMASK]", new[] { 5, 7, GMask, Start })]
    [InlineData("问[MASK]问", new[] { 5, 7, Mask, 5, 7, Start })]
    public void Encode_TextWithABlankOfItsOwn_GetsNoSecondOne(string text, int[] expected)
    {
        using ModelFolder folder = Folder();

        Assert.Equal(expected, folder.Read()!.Require().Encode(text));
    }

    [Fact]
    public void Decode_IdsOfImages_HaveNoText()
    {
        using ModelFolder folder = Folder(20_000);
        ITokenizer tokenizer = folder.Read()!.Require();
        int[] bytes = [.. "医"u8.ToArray().Select(value => 20_000 + Blank2 + 79 + value)];

        Assert.Equal("医", tokenizer.Decode([bytes[0], 17, bytes[1], 19_999, bytes[2]]));
        Assert.True(tokenizer.TokenBytes(17).IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([tokenizer.VocabularySize]));
    }

    [Fact]
    public void TokenBytes_Whitespace_IsWhatItStandsFor()
    {
        using ModelFolder folder = Folder();
        ITokenizer tokenizer = folder.Read()!.Require();

        Assert.Equal("\n", Encoding.UTF8.GetString(tokenizer.TokenBytes(4)));
        Assert.Equal("\t", Encoding.UTF8.GetString(tokenizer.TokenBytes(Tab)));
        Assert.Equal("  ", Encoding.UTF8.GetString(tokenizer.TokenBytes(Blank2)));
    }

    [Theory]
    [InlineData("mask_token_id", 3, "[MASK] has id")]
    [InlineData("bos_token_id", 3, "<sop> has id")]
    [InlineData("gmask_token_id", 3, "gmask_token_id is 3")]
    [InlineData("vocab_size", 300, "vocab_size is 300")]
    public void Read_ConfigOfAnotherRelease_IsRefused(string key, int value, string reason)
    {
        using ModelFolder folder = Folder(0, (key, value));

        Assert.Contains(reason, folder.Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"num_image_tokens": 20000}""", "num_image_tokens is 20000")]
    [InlineData("""{"do_lower_case": true, "remove_space": true}""", "remove_space")]
    public void Read_SettingThatWouldGiveOtherIds_IsRefused(string settings, string reason)
    {
        using ModelFolder folder = Folder().Write("tokenizer_config.json", settings);

        Assert.Contains(reason, folder.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FirstReleasesFileWithoutSpecialPieces_IsRefusedWithWhatToTake()
    {
        using ModelFolder folder = Folder().Write("ice_text.model", TestModels.Write(ModelKind.Unigram, TestModels.Pieces("▁", "你好")));

        Assert.Contains("it lacks the 84 pieces [MASK], [gMASK], <sop>, ", folder.Refusal(), StringComparison.Ordinal);
    }

    private static IEnumerable<int> At(int images, params IEnumerable<int> pieces) => pieces.Select(piece => images + piece);

    private static ModelFolder Folder(int images = 0, params ReadOnlySpan<(string Key, JsonNode? Value)> changes)
    {
        var folder = new ModelFolder(
            "chatglm-tiny",
            [("vocab_size", images + 400), ("mask_token_id", images + Mask), ("gmask_token_id", images + GMask), ("bos_token_id", images + Start), ("eos_token_id", images + Start + 1), ("pad_token_id", images + 3), .. changes]);
        return folder.Write("ice_text.model", TestModels.Write(
            ModelKind.Unigram,
            [
                new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control), new("<pad>", 0, PieceKind.Control), new("<n>", 0, PieceKind.UserDefined),
                new("▁", -2, PieceKind.Normal), new("你好", -6, PieceKind.Normal), new("问", -7, PieceKind.Normal), new("答", -7, PieceKind.Normal),
                .. ((string[])["[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>", "<ENC>", "<dBLOCK>"]).Select(name => new Piece(name, 0, PieceKind.Control)),
                new("<|tab|>", 0, PieceKind.UserDefined),
                .. Enumerable.Range(2, 79).Select(count => new Piece($"<|blank_{count}|>", 0, PieceKind.UserDefined)),
                .. Enumerable.Range(0, 256).Select(value => new Piece($"<0x{value:X2}>", 0, PieceKind.Byte)),
            ],
            trainer: settings => settings.Number(35, 1)));
    }
}
