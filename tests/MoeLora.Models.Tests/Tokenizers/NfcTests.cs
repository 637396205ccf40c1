using MoeLora.Models.Tokenizers.Normalization;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>Expected values are from the Unicode Standard (Annex 15 and the character charts).</summary>
public sealed class NfcTests
{
    [Theory]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("E\u0302\u0323", "\u1EC6")] // marks are reordered first
    [InlineData("a\u0315\u0300", "\u00E0\u0315")] // composed across a mark of another class
    [InlineData("a\u0301\u0300", "\u00E1\u0300")] // blocked by a mark of the same class
    [InlineData("\u1112\u1161\u11AB", "\uD55C")] // Hangul: lead, vowel, tail
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\uAC01\u11A8", "\uAC01\u11A8")] // a syllable with a tail takes no other
    [InlineData("\u1100\u11A8", "\u1100\u11A8")] // no vowel between
    [InlineData("\uAC00\u11A7", "\uAC00\u11A7")] // before the first tail
    [InlineData("\uF900", "\u8C48")] // CJK compatibility ideograph
    [InlineData("\u212B", "\u00C5")] // Angstrom sign
    [InlineData("\u2126", "\u03A9")] // Ohm sign
    [InlineData("\u0344", "\u0308\u0301")] // a mark that is two
    [InlineData("\u0958", "\u0915\u093C")] // excluded from composition
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")] // outside the basic plane, excluded
    [InlineData("\U00011099\U000110BA", "\U0001109A")] // outside the basic plane, composed
    [InlineData("\u0301", "\u0301")]
    [InlineData("", "")]
    public void Normalize_KnownText_GivesFormC(string text, string expected) => Assert.Equal(expected, Nfc.Normalize(text));

    [Theory]
    [InlineData("plain ASCII and Latin-1: é ñ ÿ ł")]
    [InlineData("你好，世界。한국어 😀👩‍💻")]
    public void Normalize_TextInFormC_ReturnsTheSameInstance(string text) => Assert.Same(text, Nfc.Normalize(text));

    [Fact]
    public void Normalize_EveryHangulSyllable_ComesBackFromItsJamo()
    {
        for (var syllable = 0; syllable < 11_172; syllable++)
        {
            var jamo = $"{(char)(0x1100 + (syllable / 588))}{(char)(0x1161 + (syllable % 588 / 28))}";
            if (syllable % 28 != 0)
                jamo += (char)(0x11A7 + (syllable % 28));
            Assert.Equal(((char)(0xAC00 + syllable)).ToString(), Nfc.Normalize(jamo));
        }
    }

    [Fact]
    public void Normalize_Twice_ChangesNothing()
    {
        var random = new Random(5);
        var data = CanonicalData.Instance.Unsettled.Order().ToArray();
        for (var round = 0; round < 5_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, 6).Select(_ => char.ConvertFromUtf32(data[random.Next(data.Length)])));
            var once = Nfc.Normalize(text);
            Assert.Equal(once, Nfc.Normalize(once));
        }
    }
}
