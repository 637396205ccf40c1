namespace MoeLora.Models.Tokenizers.Splitting;

/// <summary>
/// The pattern of Qwen2 (one digit a piece) and Llama 3 (up to three): contractions in any case, words with one character before them,
/// digits, other characters with the line ends after them, and whitespace up to its last line end.
/// </summary>
/// <param name="number">The part of the regular expression that is for numbers.</param>
/// <param name="digits">How many numeric characters one piece has at most.</param>
internal sealed class NewlineAwareSplitPattern(string number, int digits) : SplitPattern
{
    /// <inheritdoc/>
    public override string Text { get; } =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + number + @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override int PieceEnd(ReadOnlySpan<char> text, int start)
    {
        if (ContractionLength(text[start..]) is > 0 and var length)
            return start + length;

        var kind = CharacterClasses.At(text, start, out var second);
        if (kind == CharacterClass.Letter)
            return CharacterClasses.RunEnd(text, start, CharacterClass.Letter);
        if (kind == CharacterClass.Number)
            return CharacterClasses.RunEnd(text, start, CharacterClass.Number, digits);
        if (text[start] is not ('\r' or '\n') && CharacterClasses.At(text, second, out _) == CharacterClass.Letter)
            return CharacterClasses.RunEnd(text, second, CharacterClass.Letter);

        var afterSpace = text[start] == ' ' ? start + 1 : start;
        if (CharacterClasses.At(text, afterSpace, out _) == CharacterClass.Other)
        {
            var end = CharacterClasses.RunEnd(text, afterSpace, CharacterClass.Other);
            while (end < text.Length && text[end] is '\r' or '\n')
                end++;
            return end;
        }

        var whitespace = text[start..CharacterClasses.RunEnd(text, start, CharacterClass.Space)];
        var lastLineEnd = whitespace.LastIndexOfAny('\r', '\n');
        return lastLineEnd >= 0 ? start + lastLineEnd + 1 : WhitespaceEnd(text, start);
    }

    /// <summary>
    /// The length of a contraction in any case, or 0. Of all characters outside ASCII only U+017F (long s) folds to one of the letters.
    /// </summary>
    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[0] != '\'')
            return 0;
        if ((char)(text[1] | 0x20) is 's' or 't' or 'm' or 'd' || text[1] == '\u017F')
            return 2;
        return text.Length > 2 && ((char)(text[1] | 0x20), (char)(text[2] | 0x20)) is ('r' or 'v', 'e') or ('l', 'l') ? 3 : 0;
    }
}
