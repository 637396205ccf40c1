using System.Text;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Segmentation;

/// <summary>
/// The way through a text whose pieces have the largest sum of scores (Kudo, 2018, arXiv 1804.10959), found by Viterbi's algorithm. Sums of equal pieces in another
/// order are common and differ in their last bits only, so that ids depend on how they are rounded: sums are rounded and compared here as SentencePiece does it. Microsoft's
/// library adds in single precision alone and goes another way at such places; it is not used for this kind.
/// </summary>
internal sealed class UnigramSegmenter : ISegmenter
{
    private const float UnknownPenalty = 10;
    private const double UserDefinedPenalty = 0.1;
    private const float SmallestNormal = 1.17549435e-38f; // C's FLT_MIN, from where SentencePiece looks for the largest score
    private const int NoPiece = -1;

    // Pieces, and all beginnings of pieces: a search ends where no piece goes on.
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _pieces;
    private readonly double[] _scores; // by id
    private readonly float _unknownScore;
    private readonly int _unknownId;

    public UnigramSegmenter(ModelFile model)
    {
        var pieces = new Dictionary<string, int>(StringComparer.Ordinal);
        (float least, float most) = (float.MaxValue, SmallestNormal);
        foreach (Piece piece in model.Pieces.Where(piece => piece.Kind == PieceKind.Normal))
            (least, most) = (Math.Min(least, piece.Score), Math.Max(most, piece.Score));
        _scores = new double[model.Pieces.Count];
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            Piece piece = model.Pieces[id];
            if (piece.Kind is not (PieceKind.Normal or PieceKind.UserDefined))
                continue;
            for (int length = 1; length < piece.Text.Length; length++)
                pieces.TryAdd(piece.Text[..length], NoPiece);
            pieces[piece.Text] = id;

            // A user-defined symbol wins over everything that it could be cut into.
            _scores[id] = piece.Kind == PieceKind.Normal ? piece.Score : Encoding.UTF8.GetByteCount(piece.Text) * most - UserDefinedPenalty;
        }

        _pieces = pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        _unknownScore = least - UnknownPenalty;
        _unknownId = model.UnknownId;
    }

    /// <inheritdoc/>
    public void Cut(string text, List<Segment> segments)
    {
        var best = new Path[text.Length + 1]; // the best way to each place
        for (int start = 0, length; start < text.Length; start += length)
        {
            length = char.IsHighSurrogate(text[start]) ? 2 : 1;
            float before = best[start].Score;
            bool hasOwnPiece = false;
            for (int end = start + 1; end <= text.Length && _pieces.TryGetValue(text.AsSpan(start, end - start), out int id); end++)
            {
                if (id == NoPiece)
                    continue;
                double score = _scores[id] + before;
                if (best[end].Length == 0 || score > best[end].Score)
                    best[end] = new Path((float)score, end - start, id);
                hasOwnPiece |= end - start == length;
            }

            if (hasOwnPiece)
                continue;
            float unknown = _unknownScore + before;
            ref Path next = ref best[start + length];
            if (next.Length == 0 || unknown > next.Score)
                next = new Path(unknown, length, _unknownId);
        }

        int first = segments.Count;
        for (int end = text.Length; end > 0; end -= best[end].Length)
            segments.Add(new Segment(end - best[end].Length, best[end].Length, best[end].Id));
        segments.Reverse(first, segments.Count - first);
    }

    /// <summary>A way to one place: its sum, and its last piece; of no length where there is none.</summary>
    private readonly record struct Path(float Score, int Length, int Id);
}
