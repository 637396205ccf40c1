using System.Text.Json;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>
/// Small models of both kinds with every supported setting, over awkward text and over ids at random, against what SentencePiece 0.1.97 gave. Where a model has a map of characters it is
/// that of sp_unigram.model.
/// </summary>
public sealed class VariantTests
{
    private static readonly JsonElement Variants = TestModels.Expected("sentencepiece_variants.json");

    /// <summary>The models.</summary>
    public static IEnumerable<string> Models => Variants.GetProperty("models").EnumerateObject().Select(model => model.Name);

    /// <summary>The models, as arguments of a theory.</summary>
    public static TheoryData<string> Names => [.. Models];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_AwkwardText_GivesTheReferencesIds(string name)
    {
        ITokenizer tokenizer = TestModels.Plain(Content(name));
        Assert.All(Cases(name, "texts"), sample => Assert.Equal(sample.Ids(), tokenizer.Encode(sample.GetProperty("text").GetString()!)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_AnyIds_GivesTheReferencesText(string name)
    {
        ITokenizer tokenizer = TestModels.Plain(Content(name));
        Assert.All(Cases(name, "texts").Concat(Cases(name, "streams")), sample =>
        {
            string expected = sample.GetProperty("decoded").GetString()!;
            Assert.Equal(expected, tokenizer.Decode(sample.Ids()));
            ITokenStream stream = tokenizer.StartStream();
            Assert.Equal(expected, string.Concat(sample.Ids().Select(stream.Append)) + stream.Finish());
        });
    }

    /// <summary>The file of a model.</summary>
    public static byte[] Content(string name)
    {
        JsonElement model = Variants.GetProperty("models").GetProperty(name);
        byte[] content = model.GetProperty("file").GetBytesFromBase64();
        if (!model.GetProperty("map").GetBoolean())
            return content;

        // A message that is there twice counts as one with the fields of both.
        byte[] map = ModelFileReader.Read(File.ReadAllBytes(TestModels.File("tokenizers", "sp_unigram.model")), "sp_unigram.model").Normalizer.CharacterMap;
        return [.. content, .. new MessageWriter().Nested(3, new MessageWriter().Bytes(2, map)).Message.Span];
    }

    private static IEnumerable<JsonElement> Cases(string name, string kind) =>
        Variants.GetProperty("cases").EnumerateArray().Single(cases => cases.GetProperty("model").GetString() == name).GetProperty(kind).EnumerateArray();
}
