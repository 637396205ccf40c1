using System.Buffers;
using System.Globalization;
using System.Text;

namespace MoeLora.Models.Tokenizers;

/// <summary>A stretch of text between added tokens, or an added token.</summary>
/// <param name="Text">The text.</param>
/// <param name="Token">The added token that it is; null for plain text.</param>
internal readonly record struct TextSegment(string Text, AddedToken? Token);

/// <summary>Finds added tokens in a text: of those that begin leftmost the longest, then on from its end.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<char> _firstCharacters;
    private readonly Dictionary<char, (string Pattern, AddedToken Token)[]> _byFirstCharacter; // longest first

    /// <summary>A finder for tokens.</summary>
    /// <param name="tokens">Tokens and the text to look for, well-formed, not empty and different for each.</param>
    public AddedTokenFinder(IEnumerable<(string Pattern, AddedToken Token)> tokens)
    {
        _byFirstCharacter = tokens
            .GroupBy(token => token.Pattern[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(token => token.Pattern.Length).ToArray());
        _firstCharacters = SearchValues.Create([.. _byFirstCharacter.Keys]);
    }

    /// <summary>Cuts a text at its added tokens. Empty stretches are left out.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public IEnumerable<TextSegment> Split(string text)
    {
        var done = 0;
        foreach (var (matchStart, length, token) in Matches(text))
        {
            var (start, end) = (matchStart, matchStart + length);
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
                continue;
            if (token.LeftStrip)
                start = Math.Max(done, text.AsSpan(0, start).TrimEnd().Length);
            if (token.RightStrip)
                end = text.Length - text.AsSpan(end).TrimStart().Length;

            // As the reference has it: a match inside whitespace that the token before it took still counts, and moves the end back.
            if (done < start)
                yield return new TextSegment(text[done..start], null);
            yield return new TextSegment(text[start..end], token);
            done = end;
        }

        if (done < text.Length)
            yield return new TextSegment(text[done..], null);
    }

    private IEnumerable<(int Start, int Length, AddedToken Token)> Matches(string text)
    {
        for (var at = 0; ;)
        {
            var skipped = text.AsSpan(at).IndexOfAny(_firstCharacters);
            if (skipped < 0)
                yield break;
            at += skipped;
            var (pattern, token) = Array.Find(
                _byFirstCharacter[text[at]],
                candidate => text.AsSpan(at).StartsWith(candidate.Pattern, StringComparison.Ordinal));
            if (pattern is null)
            {
                at++;
                continue;
            }

            yield return (at, pattern.Length, token);
            at += pattern.Length;
        }
    }

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    /// <summary>
    /// Unicode's <c>\w</c> (Technical Standard 18, annex C): alphabetic, mark, decimal digit, connector punctuation, join control.
    /// The circled and squared letters are the symbols that are alphabetic.
    /// </summary>
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.Format => rune.Value is 0x200C or 0x200D,
        UnicodeCategory.OtherSymbol => rune.Value
            is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
        _ => Rune.IsLetter(rune),
    };
}
