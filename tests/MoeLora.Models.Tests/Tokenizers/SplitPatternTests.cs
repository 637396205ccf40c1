using MoeLora.Models.Tokenizers.Splitting;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>Boundaries, worked out by hand from the regular expressions; "|" stands between pieces.</summary>
public sealed class SplitPatternTests
{
    [Theory]
    [InlineData("It's the world's", "It|'s| the| world|'s")]
    [InlineData("IT'S", "IT|'|S")] // contractions in lower case only
    [InlineData("we'll they've I'd I'm you're don't", "we|'ll| they|'ve| I|'d| I|'m| you|'re| don|'t")]
    [InlineData("a  b   c", "a| | b|  | c")]
    [InlineData("a\tb", "a|\t|b")]
    [InlineData("12345 67", "12345| 67")]
    [InlineData("x²3 ٣٤", "x|²3| ٣٤")]
    [InlineData("end!?  ", "end|!?|  ")]
    [InlineData("a\r\n\r\nb", "a|\r\n\r|\n|b")] // the last of the run stays for what follows
    [InlineData("𝒳𝒴 𐐷!", "𝒳𝒴| 𐐷|!")] // letters outside the basic plane
    [InlineData("你好。", "你好|。")]
    [InlineData("👩‍💻x", "👩‍💻|x")]
    [InlineData("e\u0301a", "e|\u0301|a")] // a mark is no letter
    [InlineData("a\u3000b", "a|\u3000|b")]
    [InlineData(" ", " ")]
    [InlineData("", "")]
    public void Split_Gpt2_HasTheseBoundaries(string text, string expected) => AssertSplit(Known(@"\p{N}+"), text, expected);

    [Theory]
    [InlineData("It's IT'S we'Ll 'Re", "It|'s| IT|'S| we|'Ll| '|Re")]
    [InlineData("'\u017Fx 'x", "'\u017F|x| '|x")] // the long s folds to s
    [InlineData("'hello \"quoted", "'hello| \"|quoted")] // one character before a word
    [InlineData("\tfoo(bar", "\tfoo|(bar")]
    [InlineData("12345", "1|2|3|4|5")]
    [InlineData("x = 10;\r\n\r\n  y", "x| =| |1|0|;\r\n\r\n| | y")]
    [InlineData("a \n \n b", "a| \n \n| b")]
    [InlineData("a\r\n\r\nb", "a|\r\n\r\n|b")]
    [InlineData("a   ", "a|   ")]
    [InlineData("\nfoo", "\n|foo")]
    [InlineData("\u2028foo", "\u2028foo")]
    [InlineData("𝒳𝒴 𐐷!", "𝒳𝒴| 𐐷|!")]
    [InlineData("👩‍💻x", "👩‍💻|x")]
    [InlineData("😀x", "😀x")] // an emoji may be the one character before a word
    [InlineData("你好。世界", "你好|。世界")]
    [InlineData("٣٤ Ⅷ", "٣|٤| |Ⅷ")]
    [InlineData("", "")]
    public void Split_Qwen2_HasTheseBoundaries(string text, string expected) => AssertSplit(Known(@"\p{N}| ?"), text, expected);

    [Theory]
    [InlineData("1234567 12", "123|456|7| |12")]
    [InlineData("a1²३4b", "a|1²३|4|b")]
    [InlineData("It'S 10%\n", "It|'S| |10|%\n")]
    [InlineData("  hello   world  ", " | hello|  | world|  ")]
    public void Split_Llama3_HasTheseBoundaries(string text, string expected) => AssertSplit(Known(@"{1,3}"), text, expected);

    [Fact]
    public void Split_RandomText_LosesNothing()
    {
        var random = new Random(11);
        const string Characters = " \r\n\t'sStlLvVeE12²好e\u0301!.。😀𝒳\u200d\u3000";
        for (var round = 0; round < 2_000; round++)
        {
            // Whole code points only: the two astral characters are each one entry.
            var runes = Characters.EnumerateRunes().ToArray();
            var text = string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => runes[random.Next(runes.Length)].ToString()));
            foreach (var pattern in SplitPattern.Known)
            {
                var pieces = pattern.Split(text.AsMemory()).Select(piece => piece.ToString()).ToArray();
                Assert.Equal(text, string.Concat(pieces));
                Assert.DoesNotContain("", pieces);
            }
        }
    }

    private static SplitPattern Known(string part) => SplitPattern.Known.Single(pattern => pattern.Text.Contains(part, StringComparison.Ordinal));

    private static void AssertSplit(SplitPattern pattern, string text, string expected) =>
        Assert.Equal(expected, string.Join('|', pattern.Split(text.AsMemory())));
}
