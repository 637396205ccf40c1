using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Segmentation;

/// <summary>
/// What Microsoft's library is given to join pieces: a model with the ids and scores of the real one, which can do nothing but join. Three things of version 2.0.1 would give
/// wrong ids otherwise. It replaces no characters by the model's map: it gets text that is normalised. It takes a control, byte or user-defined piece for a normal one: they
/// get names that no text can be joined to, and bytes are ours to write. Of equal pairs it joins the rightmost first, so that <c>aaa</c> is <c>a aa</c>: it gets pieces and text in
/// reverse. Which end it begins at is tried out, not assumed.
/// </summary>
internal static class LibraryModel
{
    // One character is never joined, and of three no two make a piece: text cannot get there.
    private const string Unreachable = "\uFFFE\uFFFF\uFFFE";

    private static readonly Lazy<bool> RightFirst = new(TryOut);

    /// <summary>Whether the library joins the rightmost of equal pairs first.</summary>
    public static bool JoinsFromTheRight => RightFirst.Value;

    /// <summary>A tokenizer with the ids of a model that joins as the model does, for arranged text.</summary>
    /// <exception cref="InvalidDataException">The library does not take it.</exception>
    public static SentencePieceTokenizer Create(IReadOnlyList<Piece> pieces, int unknownId) => Create(pieces, unknownId, JoinsFromTheRight);

    /// <summary>A text as the library must get it.</summary>
    public static string Arrange(ReadOnlySpan<char> text) => JoinsFromTheRight ? Reverse(text) : text.ToString();

    private static SentencePieceTokenizer Create(IReadOnlyList<Piece> pieces, int unknownId, bool reverse)
    {
        // Fields of sentencepiece_model.proto.
        var model = new MessageWriter();
        for (int id = 0; id < pieces.Count; id++)
        {
            Piece piece = pieces[id];
            string name = piece.Kind != PieceKind.Normal ? string.Create(CultureInfo.InvariantCulture, $"{Unreachable}{id}") : reverse ? Reverse(piece.Text) : piece.Text;
            model.Nested(1, new MessageWriter().Text(1, name).Single(2, piece.Score).Number(3, (int)PieceKind.Normal));
        }

        model.Nested(2, new MessageWriter().Number(3, (int)ModelKind.Bpe).Number(40, unknownId));
        model.Nested(3, new MessageWriter().Number(3, 0).Number(4, 0).Number(5, 0));
        try
        {
            using var stream = new MemoryStream(model.Message.ToArray());
            return SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException or IOException)
        {
            throw new InvalidDataException($"Microsoft.ML.Tokenizers does not take it: {e.Message}", e);
        }
    }

    private static bool TryOut()
    {
        Piece[] pieces = [new("", 0, PieceKind.Unknown), new("a", -2, PieceKind.Normal), new("aa", -1, PieceKind.Normal)];
        IReadOnlyList<int> ids = Create(pieces, 0, reverse: false).EncodeToIds("aaa", addBeginningOfSentence: false, addEndOfSentence: false, considerNormalization: false);
        return ids is [1, 2] || (ids is [2, 1] ? false : throw new InvalidOperationException($"Microsoft.ML.Tokenizers joins 'aaa' to the pieces {string.Join(' ', ids)}, which is neither from the left nor from the right."));
    }

    private static string Reverse(ReadOnlySpan<char> text)
    {
        var reversed = new char[text.Length];
        int at = text.Length;
        foreach (Rune rune in text.EnumerateRunes())
            rune.EncodeToUtf16(reversed.AsSpan(at -= rune.Utf16SequenceLength));
        return new string(reversed);
    }
}
