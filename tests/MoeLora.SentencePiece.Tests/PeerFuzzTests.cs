using System.Diagnostics;
using System.Text.Json;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Tests;

/// <summary>All models of tests/data over 20,000 awkward texts and 5,000 sequences of ids each, against SentencePiece itself.</summary>
public sealed class PeerFuzzTests
{
    private const int Texts = 20_000;
    private const int Sequences = 5_000;

    [PeerFact]
    public async Task EncodeAndDecode_AwkwardText_IsAsSentencePieceDoesIt()
    {
        List<byte[]> models = [.. VariantTests.Models.Select(VariantTests.Content)];
        models.AddRange(((string[])["sp_unigram.model", "sp_bpe.model"]).Select(name => File.ReadAllBytes(TestModels.File("tokenizers", name))));
        for (int i = 0; i < models.Count; i++)
            await CompareAsync(models[i], seed: i + 1);
    }

    private static async Task CompareAsync(byte[] content, int seed)
    {
        ModelFile model = ModelFileReader.Read(content, "test.model");
        ITokenizer tokenizer = TestModels.Plain(content);

        // Names of control pieces are tokens here and text to SentencePiece.
        string[] names = [.. model.Pieces.Where(piece => piece.Kind is PieceKind.Control or PieceKind.Unknown).Select(piece => piece.Text)];
        var random = new Random(seed);
        var text = new AwkwardText(seed, [.. model.Pieces.Where(piece => piece.Kind is PieceKind.Normal or PieceKind.UserDefined).Select(piece => piece.Text)]);
        List<string> texts = [.. Enumerable.Range(0, Texts).Select(_ => text.Next()).Where(text => !Array.Exists(names, name => text.Contains(name, StringComparison.Ordinal)))];
        List<int[]> sequences = [.. Enumerable.Range(0, Sequences).Select(_ => Enumerable.Range(0, random.Next(12)).Select(_ => AnyId()).ToArray())];

        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, content);
            IReadOnlyList<JsonElement> answers = await AskAsync(file, [.. texts.Select(text => JsonSerializer.Serialize(new { text })), .. sequences.Select(ids => JsonSerializer.Serialize(new { ids }))]);
            Assert.Equal(texts.Count + sequences.Count, answers.Count);
            for (int i = 0; i < texts.Count; i++)
                Assert.True(answers[i].Ids().SequenceEqual(tokenizer.Encode(texts[i])), $"seed {seed}: {JsonSerializer.Serialize(texts[i])} should be {answers[i]}, but is {string.Join(' ', tokenizer.Encode(texts[i]))}");
            Assert.All(answers, answer =>
            {
                string decoded = answer.GetProperty("decoded").GetString()!;
                Assert.Equal(decoded, tokenizer.Decode(answer.Ids()));
                ITokenStream stream = tokenizer.StartStream();
                Assert.Equal(decoded, string.Concat(answer.Ids().Select(stream.Append)) + stream.Finish());
            });
        }
        finally
        {
            File.Delete(file);
        }

        // Bytes are rare among the pieces, and what is wrong is wrong with them.
        int AnyId() => model.ByteIds is { } bytes && random.Next(2) == 0 ? bytes[random.Next(3) == 0 ? random.Next(256) : "医é😀"u8[random.Next(9)]] : random.Next(model.Pieces.Count);
    }

    private static async Task<IReadOnlyList<JsonElement>> AskAsync(string model, IReadOnlyList<string> requests)
    {
        var start = new ProcessStartInfo(PeerFactAttribute.Python, [Path.Combine(AppContext.BaseDirectory, "peer.py"), model]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        foreach (string request in requests)
            await process.StandardInput.WriteLineAsync(request);
        process.StandardInput.Close();
        string[] lines = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync();
        return [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
