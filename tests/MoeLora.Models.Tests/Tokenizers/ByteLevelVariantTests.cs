using System.Text;
using System.Text.Json;
using MoeLora.Models.Tests.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Models.Tokenizers.Reading;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>
/// Small made-up vocabularies with each split pattern, both spellings of merges, templates, prefix spaces and added tokens of every kind,
/// over random texts of awkward characters: against what Hugging Face's tokenizers 0.22.2 (Rust) gave for byte_level_variants.json.
/// </summary>
public sealed class ByteLevelVariantTests
{
    private static readonly JsonElement[] All = ReadAll();

    public static TheoryData<string> Names => [.. All.Select(variant => variant.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_EveryCase_GivesItsIds(string name)
    {
        var (tokenizer, variant) = Open(name);
        Assert.All(variant.GetProperty("cases").EnumerateArray().ToArray(), line =>
            Assert.Equal(Ids(line, "ids"), tokenizer.Encode(line.GetProperty("text").GetString()!)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_WithoutSpecialTokens_GivesItsIds(string name)
    {
        var (tokenizer, variant) = Open(name);
        Assert.All(variant.GetProperty("cases").EnumerateArray().ToArray(), line =>
            Assert.Equal(
                Ids(line, line.TryGetProperty("ids_without_special_tokens", out _) ? "ids_without_special_tokens" : "ids"),
                tokenizer.Encode(line.GetProperty("text").GetString()!, addSpecialTokens: false)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_EveryCase_GivesItsText(string name)
    {
        var (tokenizer, variant) = Open(name);
        Assert.All(Decodes(variant), line =>
        {
            Assert.Equal(line.GetProperty("decoded").GetString(), tokenizer.Decode(Ids(line, "ids"), skipSpecialTokens: false));
            Assert.Equal(line.GetProperty("decoded_without_special_tokens").GetString(), tokenizer.Decode(Ids(line, "ids")));
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Stream_EveryCase_GivesItsText(string name)
    {
        var (tokenizer, variant) = Open(name);
        Assert.All(Decodes(variant), line =>
        {
            var stream = tokenizer.StartStream();
            Assert.Equal(
                line.GetProperty("decoded_without_special_tokens").GetString(),
                string.Concat(Ids(line, "ids").Select(stream.Append)) + stream.Finish());
        });
    }

    private static JsonElement[] Decodes(JsonElement variant) =>
        [.. variant.GetProperty("cases").EnumerateArray(), .. variant.GetProperty("decodes").EnumerateArray()];

    private static (ITokenizer Tokenizer, JsonElement Variant) Open(string name)
    {
        var variant = All.Single(candidate => candidate.GetProperty("name").GetString() == name);
        var json = Encoding.UTF8.GetBytes(variant.GetProperty("tokenizer").GetRawText());
        return (TokenizerFileReader.Read(json, name).Require(), variant);
    }

    private static int[] Ids(JsonElement line, string field) => [.. line.GetProperty(field).EnumerateArray().Select(id => id.GetInt32())];

    private static JsonElement[] ReadAll()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Path("tokenizers", "byte_level_variants.json")));
        return [.. document.RootElement.Clone().EnumerateArray()];
    }
}
