using System.Globalization;
using System.Text;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>Expressions of decimal numbers within bounds, which are exact: digit by digit.</summary>
internal sealed class DecimalExpressions(ExpressionTable table)
{
    /// <summary>The largest whole number that an integer can be, and the smallest negated: 18 digits, which every reader holds exactly.</summary>
    public const long LargestInteger = 999_999_999_999_999_999;

    /// <summary>The largest whole part of a number, and the smallest negated: 15 digits.</summary>
    public const long LargestWhole = 999_999_999_999_999;

    /// <summary>The most digits after a number's point.</summary>
    public const int MostFractionDigits = 15;

    private readonly ByteExpression _digit = table.Bytes(ByteSet.Range('0', '9'));

    /// <summary>The whole numbers from <paramref name="least"/> to <paramref name="largest"/>, without leading zeros and −0.</summary>
    public ByteExpression Integer(long least, long largest) =>
        Signed(least, largest, leastNegative: 1, Whole);

    /// <summary>Numbers between two whole ones, both included: with a point and digits after it, or without; no exponent.</summary>
    public ByteExpression Number(long least, long largest) =>
        Signed(least, largest, leastNegative: 0, Magnitude);

    private ByteExpression Signed(long least, long largest, long leastNegative, Func<long, long, ByteExpression> magnitudes)
    {
        var alternatives = new List<ByteExpression>(2);
        if (largest >= 0)
            alternatives.Add(magnitudes(Math.Max(least, 0), largest));
        if (least < 0 && -least >= leastNegative)
            alternatives.Add(table.Sequence(One('-'), magnitudes(Math.Max(-largest, leastNegative), -least)));
        return table.Choice([.. alternatives]);
    }

    private ByteExpression Magnitude(long from, long to)
    {
        ByteExpression zeros = table.Repeat(One('0'), 1, MostFractionDigits);
        ByteExpression digits = table.Repeat(_digit, 1, MostFractionDigits);
        ByteExpression last = table.Sequence(Whole(to, to), table.Optional(table.Sequence(One('.'), zeros)));
        return from == to ? last : table.Choice(last, table.Sequence(Whole(from, to - 1), table.Optional(table.Sequence(One('.'), digits))));
    }

    /// <summary>The numbers from 0 on that lie in a range.</summary>
    private ByteExpression Whole(long from, long to)
    {
        var alternatives = new List<ByteExpression>();
        if (from == 0)
            alternatives.Add(One('0'));
        int firstFull = 0; // lengths of which every number is in the range
        int lastFull = 0;
        for ((long start, int length) = (1, 1); start <= to; (start, length) = (start * 10, length + 1))
        {
            long low = Math.Max(from, start);
            long high = Math.Min(to, start * 10 - 1);
            if (low == start && high == start * 10 - 1)
                (firstFull, lastFull) = (firstFull == 0 ? length : firstFull, length);
            else if (low <= high)
                alternatives.Add(SameLength(Digits(low), Digits(high)));
        }

        if (firstFull > 0)
            alternatives.Add(table.Sequence(Between('1', '9'), table.Repeat(_digit, firstFull - 1, lastFull - 1)));
        return table.Choice([.. alternatives]);
    }

    private ByteExpression SameLength(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        if (low.IsEmpty)
            return table.End;
        if (low[0] == high[0])
            return table.Sequence(One(low[0]), SameLength(low[1..], high[1..]));
        var alternatives = new List<ByteExpression>
        {
            table.Sequence(One(low[0]), AtLeast(low[1..])),
            table.Sequence(One(high[0]), AtMost(high[1..])),
        };
        if (low[0] + 1 < high[0])
            alternatives.Add(table.Sequence(Between(low[0] + 1, high[0] - 1), AnyDigits(low.Length - 1)));
        return table.Choice([.. alternatives]);
    }

    private ByteExpression AtLeast(ReadOnlySpan<byte> low)
    {
        if (!low.ContainsAnyExcept((byte)'0'))
            return AnyDigits(low.Length);
        ByteExpression equal = table.Sequence(One(low[0]), AtLeast(low[1..]));
        return low[0] == '9' ? equal : table.Choice(equal, table.Sequence(Between(low[0] + 1, '9'), AnyDigits(low.Length - 1)));
    }

    private ByteExpression AtMost(ReadOnlySpan<byte> high)
    {
        if (!high.ContainsAnyExcept((byte)'9'))
            return AnyDigits(high.Length);
        ByteExpression equal = table.Sequence(One(high[0]), AtMost(high[1..]));
        return high[0] == '0' ? equal : table.Choice(equal, table.Sequence(Between('0', high[0] - 1), AnyDigits(high.Length - 1)));
    }

    private ByteExpression AnyDigits(int count) => table.Repeat(_digit, count, count);

    private ByteExpression One(int value) => Between(value, value);

    private ByteExpression Between(int first, int last) => table.Bytes(ByteSet.Range(first, last));

    private static byte[] Digits(long value) => Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture));
}
