using System.Text.Json.Nodes;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

public sealed class AddedTokenTests
{
    private const int First = 256; // the first added token's id; bytes are their own ids

    [Fact]
    public void Encode_AdjacentTokens_FindsEach() =>
        Assert.Equal([First, First + 1, First], Tokenizer("<a>", "<b>").Encode("<a><b><a>"));

    [Fact]
    public void Encode_OneTokenBeginsAnother_TakesTheLongest() =>
        Assert.Equal([First + 1, First, 'c'], Tokenizer("<a", "<a><b").Encode("<a><b<ac"));

    [Fact]
    public void Encode_OneTokenInsideAnother_TakesTheLeftmost() =>
        Assert.Equal([First, 'd'], Tokenizer("abc", "bcd").Encode("abcd"));

    [Fact]
    public void Encode_TokensInsideAWord_CutsIt() =>
        Assert.Equal(['x', First, 'y'], Tokenizer("<a>").Encode("x<a>y"));

    [Fact]
    public void Encode_SingleWordTouchingALetter_IsPlainText() =>
        Assert.Equal([First, ' ', 'o', 'n', 'e', 's', ' ', First], Changed(token => token["single_word"] = true, "one").Encode("one ones one"));

    [Fact]
    public void Encode_SingleWordTouchingAnAstralLetter_IsPlainText() =>
        Assert.Equal([0xF0, 0x9D, 0x92, 0xB3, '<', '>'], Changed(token => token["single_word"] = true, "<>").Encode("𝒳<>"));

    [Fact]
    public void Encode_StrippingToken_TakesTheSpacesAroundIt() =>
        Assert.Equal(
            ['x', First, 'y'],
            Changed(token => (token["lstrip"], token["rstrip"]) = (true, true), "<a>").Encode("x \n<a>\u3000\ty"));

    [Fact]
    public void Encode_NormalizedToken_IsFoundInEitherForm()
    {
        var tokenizer = Changed(token => token["normalized"] = true, "e\u0301");
        Assert.Equal([First, First], tokenizer.Encode("\u00E9e\u0301"));
    }

    [Fact]
    public void Encode_TokenThatIsNotNormalized_IsFoundAsWrittenOnly() =>
        Assert.Equal([0xC3, 0xA9, First], Tokenizer("e\u0301").Encode("\u00E9e\u0301"));

    [Fact]
    public void Decode_TokenOutsideTheByteAlphabet_GivesItsText() =>
        Assert.Equal("[médecin 医生]", Tokenizer("médecin 医生").Decode(['[', First, ']'], skipSpecialTokens: false));

    [Fact]
    public void Decode_SkippingSpecialTokens_KeepsOrdinaryAddedTokens()
    {
        var file = TestTokenizerFile.Create([], "<special>", "<ordinary>");
        file["added_tokens"]![1]!["special"] = false;
        Assert.Equal("<ordinary>", TestTokenizerFile.Load(file).Require().Decode([First, First + 1]));
    }

    private static ITokenizer Tokenizer(params string[] added) => TestTokenizerFile.Load(TestTokenizerFile.Create([], added)).Require();

    private static ITokenizer Changed(Action<JsonNode> change, string content)
    {
        var file = TestTokenizerFile.Create([], content);
        change(file["added_tokens"]![0]!);
        return TestTokenizerFile.Load(file).Require();
    }
}
