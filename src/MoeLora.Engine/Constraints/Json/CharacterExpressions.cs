using System.Buffers;
using System.Text;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>
/// Expressions of the characters of JSON texts as they are spelled in UTF-8. A character from U+0020 on stands for itself, but for quote
/// and backslash; those and control characters are escaped.
/// </summary>
internal sealed class CharacterExpressions
{
    private const int LastCodePoint = 0x10FFFF;

    private readonly ExpressionTable _table;

    public CharacterExpressions(ExpressionTable table)
    {
        _table = table;
        ByteExpression control = _table.Sequence(
            _table.Literal("u00"u8, _table.Bytes(ByteSet.OfAny("01"))),
            _table.Bytes(ByteSet.OfAny("0123456789abcdefABCDEF")));
        ByteExpression escape = _table.Sequence(
            _table.Bytes(ByteSet.Of('\\')),
            _table.Choice(_table.Bytes(ByteSet.OfAny("\"\\/bfnrt")), control));
        Any = _table.Choice(escape, OneOf([(' ', '!'), ('#', '['), (']', LastCodePoint)]));
    }

    /// <summary>Any character, in each spelling: also a slash with a backslash, and control characters by number.</summary>
    public ByteExpression Any { get; }

    /// <summary>One of the characters of some ranges of code points, in one spelling each. Surrogates among them are left out.</summary>
    /// <param name="ranges">At least one, with a character in it.</param>
    public ByteExpression OneOf(IReadOnlyList<(int First, int Last)> ranges)
    {
        var alternatives = new List<ByteExpression>();
        ByteSet ascii = default;
        foreach ((int first, int last) in ranges)
        {
            for (int value = first; value <= Math.Min(last, 0x7F); value++)
            {
                if (value is < ' ' or '"' or '\\')
                    alternatives.Add(Escaped(value));
                else
                    ascii |= ByteSet.Of(value);
            }

            AddLong(Math.Max(first, 0x80), Math.Min(last, 0x7FF), 2, alternatives);
            AddLong(Math.Max(first, 0x800), Math.Min(last, 0xD7FF), 3, alternatives);
            AddLong(Math.Max(first, 0xE000), Math.Min(last, 0xFFFF), 3, alternatives);
            AddLong(Math.Max(first, 0x10000), Math.Min(last, LastCodePoint), 4, alternatives);
        }

        if (!ascii.IsEmpty)
            alternatives.Add(_table.Bytes(ascii));
        return _table.Choice([.. alternatives]);
    }

    private ByteExpression Escaped(int value)
    {
        var bytes = new ArrayBufferWriter<byte>(6);
        JsonText.WriteCharacter(new Rune(value), bytes);
        return _table.Literal(bytes.WrittenSpan, _table.End);
    }

    private void AddLong(int first, int last, int length, List<ByteExpression> alternatives)
    {
        if (first > last)
            return;
        Span<byte> low = stackalloc byte[4];
        Span<byte> high = stackalloc byte[4];
        new Rune(first).EncodeToUtf8(low);
        new Rune(last).EncodeToUtf8(high);
        alternatives.Add(Between(low[..length], high[..length]));
    }

    /// <summary>The encodings from one to another of the same length, all of whose bytes but the first are 80 to BF.</summary>
    private ByteExpression Between(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        const byte Least = 0x80;
        const byte Largest = 0xBF;
        if (low.IsEmpty)
            return _table.End;
        bool fromStart = !low[1..].ContainsAnyExcept(Least);
        bool toEnd = !high[1..].ContainsAnyExcept(Largest);
        if (low[0] == high[0] || (fromStart && toEnd))
            return _table.Sequence(_table.Bytes(ByteSet.Range(low[0], high[0])), Between(low[1..], high[1..]));

        // The first bytes whose continuations are all in the range, then those at its edges.
        Span<byte> least = stackalloc byte[low.Length - 1];
        Span<byte> largest = stackalloc byte[low.Length - 1];
        least.Fill(Least);
        largest.Fill(Largest);
        var alternatives = new List<ByteExpression>();
        int first = fromStart ? low[0] : low[0] + 1;
        int last = toEnd ? high[0] : high[0] - 1;
        if (first <= last)
            alternatives.Add(_table.Sequence(_table.Bytes(ByteSet.Range(first, last)), Between(least, largest)));
        if (!fromStart)
            alternatives.Add(_table.Sequence(_table.Bytes(ByteSet.Of(low[0])), Between(low[1..], largest)));
        if (!toEnd)
            alternatives.Add(_table.Sequence(_table.Bytes(ByteSet.Of(high[0])), Between(least, high[1..])));
        return _table.Choice([.. alternatives]);
    }
}
