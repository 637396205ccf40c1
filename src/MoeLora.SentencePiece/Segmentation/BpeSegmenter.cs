using Microsoft.ML.Tokenizers;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Normalization;

namespace MoeLora.SentencePiece.Segmentation;

/// <summary>
/// Byte-pair encoding with scores: of all neighbours that make a piece those with the highest score are joined, the leftmost of equals, until there are none. Microsoft's
/// library does it, on a model of its own that <see cref="LibraryModel"/> writes, which keeps what the library does otherwise than SentencePiece out of its way.
/// </summary>
internal sealed class BpeSegmenter : ISegmenter
{
    private readonly SentencePieceTokenizer _library;
    private readonly SymbolMatcher<char> _symbols;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _symbolIds;

    /// <exception cref="InvalidDataException">The library does not take the model.</exception>
    public BpeSegmenter(ModelFile model)
    {
        _library = LibraryModel.Create(model.Pieces, model.UnknownId);
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            if (model.Pieces[id].Kind == PieceKind.UserDefined)
                ids.Add(model.Pieces[id].Text, id);
        }

        _symbolIds = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _symbols = new SymbolMatcher<char>(ids.Keys.Select(symbol => symbol.ToCharArray()));
    }

    /// <inheritdoc/>
    public void Cut(string text, List<Segment> segments)
    {
        // A user-defined symbol is never joined to anything, so that what is between two of them stands alone.
        int done = 0;
        for (int at = 0; at < text.Length;)
        {
            if (_symbols.MatchStart(text.AsSpan(at)) is not (> 0 and var length))
            {
                at++;
                continue;
            }

            Join(text, done, at, segments);
            segments.Add(new Segment(at, length, _symbolIds[text.AsSpan(at, length)]));
            done = at += length;
        }

        Join(text, done, text.Length, segments);
    }

    private void Join(string text, int start, int end, List<Segment> segments)
    {
        if (start == end)
            return;
        ReadOnlySpan<char> part = text.AsSpan(start, end - start);
        IReadOnlyList<EncodedToken> tokens = _library.EncodeToTokens(
            LibraryModel.Arrange(part), out _, addBeginningOfSentence: false, addEndOfSentence: false, considerPreTokenization: false, considerNormalization: false);
        int first = segments.Count;
        foreach (EncodedToken token in tokens)
        {
            (int from, int length) = token.Offset.GetOffsetAndLength(part.Length);
            segments.Add(new Segment(LibraryModel.JoinsFromTheRight ? end - from - length : start + from, length, token.Id));
        }

        if (LibraryModel.JoinsFromTheRight)
            segments.Reverse(first, segments.Count - first);
    }
}
