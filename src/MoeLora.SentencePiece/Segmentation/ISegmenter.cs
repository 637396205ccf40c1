namespace MoeLora.SentencePiece.Segmentation;

/// <summary>One piece of a text.</summary>
/// <param name="Start">Where it begins, in characters of UTF-16.</param>
/// <param name="Length">How many characters it has.</param>
/// <param name="Id">Its id; the unknown piece's for one character that no piece fits.</param>
internal readonly record struct Segment(int Start, int Length, int Id);

/// <summary>Cuts a normalised text into pieces. Safe for many threads.</summary>
internal interface ISegmenter
{
    /// <summary>Appends the pieces of a text, in its order.</summary>
    void Cut(string text, List<Segment> segments);
}
