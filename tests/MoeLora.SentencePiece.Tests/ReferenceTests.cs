using System.Text;
using System.Text.Json;
using MoeLora.Models.Tokenizers;

namespace MoeLora.SentencePiece.Tests;

/// <summary>Against what SentencePiece 0.1.97 gave for its own models.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData("unigram")]
    [InlineData("bpe")]
    public void Encode_EveryText_GivesTheReferencesIds(string kind)
    {
        ITokenizer tokenizer = TestModels.Plain($"sp_{kind}.model");
        Assert.All(Samples(kind), sample => Assert.Equal(sample.Ids(), tokenizer.Encode(sample.GetProperty("text").GetString()!)));
    }

    [Theory]
    [InlineData("unigram")]
    [InlineData("bpe")]
    public void Decode_EveryText_GivesTheReferencesText(string kind)
    {
        ITokenizer tokenizer = TestModels.Plain($"sp_{kind}.model");
        Assert.All(Samples(kind), sample => Assert.Equal(sample.GetProperty("decoded").GetString(), tokenizer.Decode(sample.Ids())));
    }

    [Theory]
    [InlineData("unigram")]
    [InlineData("bpe")]
    public void Stream_EveryText_GivesWholeCharactersThatAreTheReferencesText(string kind)
    {
        ITokenizer tokenizer = TestModels.Plain($"sp_{kind}.model");
        Assert.All(Samples(kind), sample =>
        {
            ITokenStream stream = tokenizer.StartStream();
            var text = new StringBuilder();
            foreach (int id in sample.Ids())
            {
                string next = stream.Append(id);
                Assert.DoesNotContain('\uFFFD', next);
                Assert.True(next.Length == 0 || !char.IsHighSurrogate(next[^1]));
                text.Append(next);
            }

            Assert.Equal("", stream.Finish());
            Assert.Equal(sample.GetProperty("decoded").GetString(), text.ToString());
        });
    }

    [Theory]
    [InlineData("unigram")]
    [InlineData("bpe")]
    public void TokenBytes_AfterTheFirstToken_AreTheTextsBytes(string kind)
    {
        ITokenizer tokenizer = TestModels.Plain($"sp_{kind}.model");
        Assert.All(Samples(kind), sample =>
        {
            byte[] bytes = [.. sample.Ids().SelectMany(id => tokenizer.TokenBytes(id).ToArray())];
            Assert.Equal(sample.GetProperty("decoded").GetString(), Encoding.UTF8.GetString(bytes.AsSpan(bytes is [(byte)' ', ..] ? 1 : 0)));
        });
    }

    private static JsonElement.ArrayEnumerator Samples(string kind) => TestModels.Expected("sentencepiece_expected.json").GetProperty(kind).EnumerateArray();
}
