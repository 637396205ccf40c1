using System.Text.Json;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Styles;

namespace MoeLora.SentencePiece.Tests;

/// <summary>Models of tests/data, and models that tests write.</summary>
internal static class TestModels
{
    private static readonly string Data = FindData();

    /// <summary>A file of tests/data.</summary>
    public static string File(params ReadOnlySpan<string> path) => Path.Combine([Data, .. path]);

    /// <summary>A tokenizer that adds nothing to SentencePiece: what other implementations are compared with.</summary>
    public static ITokenizer Plain(ReadOnlySpan<byte> content) => new PieceTokenizer(ModelFileReader.Read(content, "test.model"), new LlamaStyle([], []));

    public static ITokenizer Plain(string name) => Plain(System.IO.File.ReadAllBytes(File("tokenizers", name)));

    /// <summary>Texts, their ids and what these decode to, as SentencePiece has them.</summary>
    public static JsonElement Expected(string name) => JsonDocument.Parse(System.IO.File.ReadAllBytes(File("tokenizers", name))).RootElement;

    public static int[] Ids(this JsonElement element) => [.. element.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The file of a model.</summary>
    public static byte[] Write(ModelKind kind, IEnumerable<Piece> pieces, Action<MessageWriter>? trainer = null, Action<MessageWriter>? normalizer = null, Action<MessageWriter>? more = null)
    {
        var model = new MessageWriter();
        foreach (Piece piece in pieces)
            model.Nested(1, new MessageWriter().Text(1, piece.Text).Single(2, piece.Score).Number(3, (int)piece.Kind));
        MessageWriter settings = new MessageWriter().Number(3, (int)kind), normalization = new();
        trainer?.Invoke(settings);
        normalizer?.Invoke(normalization);
        model.Nested(2, settings).Nested(3, normalization);
        more?.Invoke(model);
        return model.Message.ToArray();
    }

    /// <summary>The unknown piece, and normal ones with ever lower scores.</summary>
    public static IEnumerable<Piece> Pieces(params IEnumerable<string> normal) =>
        normal.Select((text, i) => new Piece(text, -1 - i, PieceKind.Normal)).Prepend(new Piece("<unk>", 0, PieceKind.Unknown));

    private static string FindData()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !System.IO.File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new InvalidOperationException("MoeLora.Grid.sln is in no parent directory."), "tests", "data");
    }
}
