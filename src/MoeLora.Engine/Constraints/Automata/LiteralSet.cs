namespace MoeLora.Engine.Constraints.Automata;

/// <summary>The expression of given texts, which shares the beginnings that they have in common.</summary>
internal static class LiteralSet
{
    /// <summary>One of these, each of them exactly.</summary>
    /// <param name="table">Makes the expression.</param>
    /// <param name="literals">At least one, in any order.</param>
    public static ByteExpression Build(ExpressionTable table, IEnumerable<byte[]> literals)
    {
        byte[][] sorted = [.. literals];
        Array.Sort(sorted, (a, b) => a.AsSpan().SequenceCompareTo(b));
        return Build(table, sorted, 0);
    }

    private static ByteExpression Build(ExpressionTable table, ReadOnlySpan<byte[]> sorted, int depth)
    {
        // What the first and the last have in common all have.
        int common = sorted[0].AsSpan(depth).CommonPrefixLength(sorted[^1].AsSpan(depth));
        ReadOnlySpan<byte> prefix = sorted[0].AsSpan(depth, common);
        depth += common;
        var alternatives = new List<ByteExpression>();
        while (!sorted.IsEmpty && sorted[0].Length == depth)
        {
            alternatives.Add(table.End);
            sorted = sorted[1..];
        }

        while (!sorted.IsEmpty)
        {
            int count = 1;
            while (count < sorted.Length && sorted[count][depth] == sorted[0][depth])
                count++;
            alternatives.Add(Build(table, sorted[..count], depth));
            sorted = sorted[count..];
        }

        return table.Literal(prefix, table.Choice([.. alternatives]));
    }
}
