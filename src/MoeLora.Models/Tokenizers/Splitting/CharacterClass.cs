using System.Text;

namespace MoeLora.Models.Tokenizers.Splitting;

/// <summary>The four classes that the known split patterns tell apart; every code point is in exactly one.</summary>
internal enum CharacterClass
{
    /// <summary><c>[^\s\p{L}\p{N}]</c>: punctuation, symbols, marks, controls.</summary>
    Other,

    /// <summary><c>\p{L}</c>.</summary>
    Letter,

    /// <summary><c>\p{N}</c>: decimal digits, letter numbers and other numbers.</summary>
    Number,

    /// <summary><c>\s</c>: Unicode's White_Space, all in the basic plane.</summary>
    Space,
}

/// <summary>Classes of code points, and runs of them.</summary>
internal static class CharacterClasses
{
    /// <summary>The class of the code point at <paramref name="position"/>; null at the end of the text.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="position">Where a code point begins.</param>
    /// <param name="next">Where the next code point begins.</param>
    public static CharacterClass? At(ReadOnlySpan<char> text, int position, out int next)
    {
        next = position;
        if (position >= text.Length)
            return null;
        Rune.DecodeFromUtf16(text[position..], out var rune, out var width);
        next = position + width;
        return Of(rune);
    }

    /// <summary>Where the run of <paramref name="wanted"/> that begins at <paramref name="position"/> ends, of at most <paramref name="limit"/> code points.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int position, CharacterClass wanted, int limit = int.MaxValue)
    {
        for (var count = 0; count < limit && At(text, position, out var next) == wanted; count++)
            position = next;
        return position;
    }

    private static CharacterClass Of(Rune rune) =>
        Rune.IsWhiteSpace(rune) ? CharacterClass.Space
        : Rune.IsLetter(rune) ? CharacterClass.Letter
        : Rune.IsNumber(rune) ? CharacterClass.Number
        : CharacterClass.Other;
}
