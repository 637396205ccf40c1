using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>Where Microsoft's library alone would give other ids than SentencePiece, in the smallest models that show it. The expected ids follow from the algorithm by hand.</summary>
public sealed class SegmentationTests
{
    private static readonly Action<MessageWriter> Bare = settings => settings.Number(3, 0).Number(4, 0);

    [Fact]
    public void Bpe_EqualPairs_JoinTheLeftmostFirst()
    {
        ITokenizer tokenizer = TestModels.Plain(TestModels.Write(ModelKind.Bpe, TestModels.Pieces("aa", "a", "😀😀", "😀"), normalizer: Bare));

        Assert.Equal([1, 2], tokenizer.Encode("aaa"));
        Assert.Equal([1, 1, 2, 3, 4], tokenizer.Encode("aaaaa😀😀😀"));
    }

    [Fact]
    public void Bpe_TextThatLooksLikeAControlOrBytePiece_IsText()
    {
        byte[] content = TestModels.Write(
            ModelKind.Bpe,
            [.. TestModels.Pieces("<", "s", ">", "<s", "0", "x", "4", "1", "<0", "<0x", "<0x4", "<0x41"), .. Enumerable.Range(0, 256).Select(value => new Piece($"<0x{value:X2}>", 0, PieceKind.Byte))],
            trainer: settings => settings.Number(35, 1),
            normalizer: Bare);

        Assert.Equal([12, 3], TestModels.Plain(content).Encode("<0x41>"));
    }

    [Fact]
    public void Bpe_UserDefinedSymbol_IsJoinedToNothing()
    {
        byte[] content = TestModels.Write(ModelKind.Bpe, [.. TestModels.Pieces("ab", "bc", "a", "c"), new("b", 0, PieceKind.UserDefined)], normalizer: Bare);

        Assert.Equal([3, 5, 4], TestModels.Plain(content).Encode("abc"));
    }

    [Theory]
    [InlineData((int)ModelKind.Bpe)]
    [InlineData((int)ModelKind.Unigram)]
    public void Encode_UnknownCharacters_AreOneWhereTheyFollowEachOther(int kind)
    {
        ITokenizer tokenizer = TestModels.Plain(TestModels.Write((ModelKind)kind, TestModels.Pieces("a"), normalizer: Bare));

        Assert.Equal([1, 0, 1, 0], tokenizer.Encode("a医😀aé"));
        Assert.Equal("a ⁇ a ⁇ ", tokenizer.Decode([1, 0, 1, 0]));
    }

    [Fact]
    public void Unigram_SumsThatDifferInTheLastBits_AreComparedAsSentencePieceDoes()
    {
        // 'b a aa' and 'b aa a' have one sum. Added in single precision both are equal, and the first one stays; the second one's exact sum is larger than the first one's rounded one.
        const float b = -1.5f, a = -1.7f, aa = -2.9f;
        float first = (b + a) + aa;
        double second = (double)(b + aa) + a;
        Assert.True((float)second == first && second > first);
        byte[] content = TestModels.Write(
            ModelKind.Unigram, [new("<unk>", 0, PieceKind.Unknown), new("b", b, PieceKind.Normal), new("a", a, PieceKind.Normal), new("aa", aa, PieceKind.Normal)], normalizer: Bare);

        Assert.Equal([1, 3, 2], TestModels.Plain(content).Encode("baaa")); // SentencePiece 0.1.97 gives the same
    }
}
