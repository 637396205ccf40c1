using System.Text.Json;
using MoeLora.Models.Tests.Checkpoints;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>Against ids and texts that Hugging Face's JavaScript tokenizers 0.2.0 gave, special tokens kept.</summary>
public sealed class ReferenceTokenizerTests
{
    private static readonly ITokenizer Tokenizer = TokenizerReader.Read(TestFiles.Path("tokenizers", "bpe")).Require();
    private static readonly ReferenceLine[] Lines = ReadLines();

    [Fact]
    public void Encode_EveryReferenceLine_GivesItsIds()
    {
        Assert.NotEmpty(Lines);
        Assert.All(Lines, line => Assert.Equal(line.Ids, Tokenizer.Encode(line.Text)));
    }

    [Fact]
    public void Decode_EveryReferenceLine_GivesItsText() =>
        Assert.All(Lines, line => Assert.Equal(line.Decoded, Tokenizer.Decode(line.Ids, skipSpecialTokens: false)));

    [Fact]
    public void Stream_EveryReferenceLine_GivesItsText() =>
        Assert.All(Lines, line =>
        {
            var stream = Tokenizer.StartStream(skipSpecialTokens: false);
            Assert.Equal(line.Decoded, string.Concat(line.Ids.Select(stream.Append)) + stream.Finish());
        });

    [Fact]
    public void VocabularySize_Reference_CountsAddedTokens() => Assert.Equal(2403, Tokenizer.VocabularySize);

    private static ReferenceLine[] ReadLines()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Path("tokenizers", "bpe_expected.json")));
        return document.RootElement.EnumerateArray()
            .Select(line => new ReferenceLine(
                line.GetProperty("text").GetString()!,
                line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
                line.GetProperty("decoded").GetString()!))
            .ToArray();
    }

    private sealed record ReferenceLine(string Text, int[] Ids, string Decoded);
}
