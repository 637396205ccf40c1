namespace MoeLora.Models.Tokenizers.Splitting;

/// <summary>
/// One of the regular expressions that published byte-level tokenizers split text with, written out as a scanner over code points:
/// .NET's regular expressions see UTF-16 units, so that <c>\p{L}</c> would miss letters outside the basic plane.
/// Every character is in some piece, and a piece depends only on what follows its start.
/// </summary>
internal abstract class SplitPattern
{
    /// <summary>All patterns that are known. Recognised by their exact text.</summary>
    public static IReadOnlyList<SplitPattern> Known { get; } =
    [
        Gpt2SplitPattern.Instance,
        new NewlineAwareSplitPattern(@"\p{N}", 1),
        new NewlineAwareSplitPattern(@"\p{N}{1,3}", 3),
    ];

    /// <summary>The regular expression as files have it.</summary>
    public abstract string Text { get; }

    /// <summary>Where the piece that starts at <paramref name="start"/> ends; always after it.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="start">Before the end of the text.</param>
    public abstract int PieceEnd(ReadOnlySpan<char> text, int start);

    /// <summary>Cuts a text into pieces that together are the text.</summary>
    public IEnumerable<ReadOnlyMemory<char>> Split(ReadOnlyMemory<char> text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = PieceEnd(text.Span, start);
            yield return text[start..end];
            start = end;
        }
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: a run of whitespace, less its last character when something else follows and there are others.</summary>
    protected static int WhitespaceEnd(ReadOnlySpan<char> text, int start)
    {
        var end = CharacterClasses.RunEnd(text, start, CharacterClass.Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }
}
