using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

public sealed class ByteLevelStreamTests
{
    private static readonly ITokenizer Tokenizer = TestTokenizerFile.Load(TestTokenizerFile.Create(["ð Ł", "å Į", "Ł ĺ"], "<s>", "医生")).Require();

    [Fact]
    public void Append_BytesOfAnEmoji_GivesItWithTheLast()
    {
        var stream = Tokenizer.StartStream();
        Assert.Equal(["", "", "", "😀"], new[] { 0xF0, 0x9F, 0x98, 0x80 }.Select(stream.Append));
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void Append_JoinedEmoji_GivesEachCharacterWhole()
    {
        var stream = Tokenizer.StartStream();
        var pieces = Tokenizer.Encode("👩‍💻").Select(stream.Append).Where(piece => piece.Length > 0);
        Assert.Equal(["👩", "\u200D", "💻"], pieces);
    }

    [Fact]
    public void Append_InvalidByteAfterAnUnfinishedCharacter_GivesReplacementAndGoesOn()
    {
        var stream = Tokenizer.StartStream();
        Assert.Equal(["", "\uFFFDa", "b"], new[] { 0xE4, 'a', 'b' }.Select(stream.Append));
    }

    [Fact]
    public void Append_SkippedSpecialTokenInsideACharacter_DoesNotBreakIt()
    {
        var stream = Tokenizer.StartStream();
        Assert.Equal("é", stream.Append(0xC3) + stream.Append(259) + stream.Append(0xA9) + stream.Finish());
    }

    [Fact]
    public void Finish_UnfinishedCharacter_GivesOneReplacement()
    {
        var stream = Tokenizer.StartStream();
        Assert.Equal("", stream.Append(0xF0) + stream.Append(0x9F));
        Assert.Equal("\uFFFD", stream.Finish());
    }

    [Fact]
    public void Stream_RandomIds_EqualsDecodeAndNeverBreaksACharacter()
    {
        var random = new Random(3);
        int[] likely = [0xF0, 0x9F, 0x98, 0x80, 0xE4, 0xBD, 0xA0, 0xC3, 0xA9, 0xED, 0xA0, 0xC0, 0xFF, 'a', 256, 257, 258, 259, 260];
        for (var round = 0; round < 5_000; round++)
        {
            var ids = Enumerable.Range(0, random.Next(1, 16))
                .Select(_ => random.Next(2) == 0 ? likely[random.Next(likely.Length)] : random.Next(Tokenizer.VocabularySize))
                .ToArray();
            var skip = round % 2 == 0;
            var stream = Tokenizer.StartStream(skip);
            var pieces = ids.Select(stream.Append).ToList();
            pieces.Add(stream.Finish());
            Assert.Equal(Tokenizer.Decode(ids, skip), string.Concat(pieces));
            Assert.All(pieces, piece => Assert.False(piece.Length > 0 && (char.IsLowSurrogate(piece[0]) || char.IsHighSurrogate(piece[^1]))));
        }
    }
}
