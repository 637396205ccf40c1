using System.Text.Json;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Models.Tests.Tokenizers;

/// <summary>Against ids and texts that Hugging Face's own tokenizers gave, special tokens kept (tests/data/tokenizers).</summary>
public sealed class ReferenceTokenizerTests
{
    private static readonly string Folder = Path.Combine(RepositoryRoot(), "tests", "data", "tokenizers");
    private static readonly ITokenizer Tokenizer = TokenizerReader.Read(Path.Combine(Folder, "bpe")).Require();
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
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "bpe_expected.json")));
        return document.RootElement.EnumerateArray()
            .Select(line => new ReferenceLine(
                line.GetProperty("text").GetString()!,
                line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
                line.GetProperty("decoded").GetString()!))
            .ToArray();
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MoeLora.Grid.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("MoeLora.Grid.sln is in no folder above the tests.");
    }

    private sealed record ReferenceLine(string Text, int[] Ids, string Decoded);
}
