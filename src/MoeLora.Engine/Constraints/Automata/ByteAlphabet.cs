namespace MoeLora.Engine.Constraints.Automata;

/// <summary>Which bytes an expression uses, and which of them it never tells apart.</summary>
internal sealed class ByteAlphabet
{
    private readonly byte[] _classes = new byte[256];

    /// <summary>The alphabet of an expression.</summary>
    public ByteAlphabet(ByteExpression expression)
    {
        HashSet<ByteSet> sets = [];
        Gather(expression, sets);
        foreach (ByteSet set in sets)
        {
            Used |= set;
            Split(set);
        }
    }

    /// <summary>Bytes that appear.</summary>
    public ByteSet Used { get; private set; }

    /// <summary>Number of classes, 1 to 256.</summary>
    public int ClassCount { get; private set; } = 1;

    /// <summary>The class of each byte.</summary>
    public ReadOnlySpan<byte> Classes => _classes;

    /// <summary>Parts each class into its bytes in the set and the others.</summary>
    private void Split(ByteSet set)
    {
        Dictionary<(byte Class, bool InSet), byte> parts = [];
        for (int value = 0; value < 256; value++)
        {
            (byte Class, bool InSet) key = (_classes[value], set.Contains(value));
            if (!parts.TryGetValue(key, out byte part))
                parts[key] = part = (byte)parts.Count;
            _classes[value] = part;
        }

        ClassCount = parts.Count;
    }

    private static void Gather(ByteExpression root, HashSet<ByteSet> sets)
    {
        HashSet<ByteExpression> seen = [root];
        var open = new Stack<ByteExpression>(seen);
        while (open.TryPop(out ByteExpression? expression))
        {
            switch (expression)
            {
                case ByteSetExpression one:
                    sets.Add(one.Bytes);
                    break;
                case SequenceExpression sequence:
                    Visit(sequence.First);
                    Visit(sequence.Rest);
                    break;
                case RepeatExpression repeat:
                    Visit(repeat.Item);
                    break;
                case ChoiceExpression choice:
                    Array.ForEach(choice.Alternatives, Visit);
                    break;
            }
        }

        void Visit(ByteExpression expression)
        {
            if (seen.Add(expression))
                open.Push(expression);
        }
    }
}
