using System.Text;
using MoeLora.Models.Checkpoints;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>What is not understood is refused, all of it at once; nothing of a damaged file is believed.</summary>
public sealed class ModelFileReaderTests
{
    private static readonly Piece Unknown = new("<unk>", 0, PieceKind.Unknown);

    [Fact]
    public void Read_Model_GivesWhatItSays()
    {
        ModelFile model = ModelFileReader.Read(File.ReadAllBytes(TestModels.File("tokenizers", "sp_bpe.model")), "sp_bpe.model");

        Assert.Equal(3000, model.Pieces.Count);
        Assert.Equal(ModelKind.Bpe, model.Kind);
        Assert.Equal(0, model.UnknownId);
        Assert.Equal(Enumerable.Range(3, 256), model.ByteIds);
        Assert.Equal(new Piece("医生", 0, PieceKind.Normal), model.Pieces[259]);
        Assert.True(model.Normalizer is { AddDummyPrefix: true, RemoveExtraWhitespaces: false, CharacterMap: [] });
    }

    [Fact]
    public void Read_ManyProblems_NamesAll()
    {
        byte[] content = TestModels.Write(
            (ModelKind)3,
            [new("a", float.NaN, PieceKind.Normal), new("a", 0, PieceKind.Normal), new("", 0, PieceKind.Normal), new("u", 0, PieceKind.Unused), new("k", 0, (PieceKind)9), new("<0x1>", 0, PieceKind.Byte)],
            trainer: settings => settings.Number(24, 1),
            normalizer: settings => settings.Number(5, 0).Number(7, 1),
            more: model => model.Number(6, 1).Nested(5, new MessageWriter().Bytes(2, [1])));

        string message = Refusal(content);

        Assert.All(
            [
                "piece 0 has the score NaN", "the piece 'a' is there 2 times", "piece 2 is empty", "piece 3 is marked unused", "piece 4 is of type 9", "'<0x1>' stands for a byte, though byte_fallback is not set",
                "way 3", "treat_whitespace_as_suffix", "escape_whitespaces", "normalizer_spec has field 7", "the model has field 6", "denormalizer_spec", "0 pieces for what is unknown",
            ],
            problem => Assert.Contains(problem, message, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_ByteFallbackWithoutAllBytes_NamesTheFirstThatLacks() =>
        Assert.Contains("<0x01> has no piece", Refusal(TestModels.Write(ModelKind.Bpe, [Unknown, new("<0x00>", 0, PieceKind.Byte)], settings => settings.Number(35, 1))), StringComparison.Ordinal);

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")]
    [InlineData("IyA= 0\n")]
    [InlineData("<html>")]
    public void Read_SomethingElse_SaysThatItIsNoModel(string content) =>
        Assert.Contains("test.model is no SentencePiece model", Refusal(Encoding.UTF8.GetBytes(content)), StringComparison.Ordinal);

    [Fact]
    public void Read_Nothing_IsRefused() => Assert.Contains("0 pieces for what is unknown", Refusal([]), StringComparison.Ordinal);

    [Fact]
    public void Read_FileCutShort_IsRefusedOrReadsWhatIsThere()
    {
        byte[] content = VariantTests.Content("bpe-llama");
        for (int length = 0; length < content.Length; length += 41)
            Try(content.AsSpan(0, length));
    }

    [Fact]
    public void Read_DamagedFile_ThrowsNothingElse()
    {
        byte[] content = VariantTests.Content("unigram-symbols")[..4000];
        var random = new Random(5);
        for (int round = 0; round < 2000; round++)
        {
            byte[] damaged = [.. content];
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Try(damaged);
        }
    }

    [Fact]
    public void Tokenizer_DamagedCharacterMap_ThrowsNothingElse()
    {
        byte[] map = ModelFileReader.Read(File.ReadAllBytes(TestModels.File("tokenizers", "sp_unigram.model")), "sp_unigram.model").Normalizer.CharacterMap;
        var random = new Random(6);
        for (int round = 0; round < 100; round++)
        {
            byte[] damaged = [.. map];
            for (int i = random.Next(1, 2000); i > 0; i--)
                damaged[random.Next(round % 2 == 0 ? damaged.Length : 64)] = (byte)random.Next(256);
            try
            {
                TestModels.Plain(TestModels.Write(ModelKind.Unigram, [Unknown, new("a", -1, PieceKind.Normal)], normalizer: settings => settings.Bytes(2, damaged))).Encode("ａé ﬁ①\u3000哈");
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    private static string Refusal(byte[] content) => Assert.Throws<CheckpointException>(() => ModelFileReader.Read(content, "test.model")).Message;

    private static void Try(ReadOnlySpan<byte> content)
    {
        try
        {
            ModelFileReader.Read(content, "test.model");
        }
        catch (CheckpointException)
        {
        }
    }
}
