using System.Runtime.InteropServices;

namespace MoeLora.Engine.Constraints.Automata;

/// <summary>Makes expressions, equal ones as one object.</summary>
internal sealed class ExpressionTable
{
    private readonly Dictionary<ByteSet, ByteExpression> _byteSets = [];
    private readonly Dictionary<(ByteExpression First, ByteExpression Next), ByteExpression> _sequences = [];
    private readonly Dictionary<(ByteExpression Item, int Minimum, int Maximum), ByteExpression> _repeats = [];
    private readonly Dictionary<ByteExpression[], ByteExpression> _choices = new(new SameElements());
    private readonly List<ByteExpression> _alternatives = [];

    /// <summary>A table with nothing in it but the empty text.</summary>
    public ExpressionTable() => End = new EndExpression(Count++);

    /// <summary>Expressions made.</summary>
    public int Count { get; private set; }

    /// <summary>The empty text.</summary>
    public ByteExpression End { get; }

    /// <summary>One byte of a set that is not empty.</summary>
    public ByteExpression Bytes(ByteSet bytes)
    {
        ref ByteExpression? made = ref CollectionsMarshal.GetValueRefOrAddDefault(_byteSets, bytes, out _);
        return made ??= new ByteSetExpression(Count++, bytes);
    }

    /// <summary>These bytes in turn, then the rest.</summary>
    public ByteExpression Literal(ReadOnlySpan<byte> bytes, ByteExpression rest)
    {
        for (int i = bytes.Length - 1; i >= 0; i--)
            rest = Sequence(Bytes(ByteSet.Of(bytes[i])), rest);
        return rest;
    }

    /// <summary>One after the other.</summary>
    public ByteExpression Sequence(ByteExpression first, ByteExpression rest)
    {
        if (first == End)
            return rest;
        if (rest == End)
            return first;
        ref ByteExpression? made = ref CollectionsMarshal.GetValueRefOrAddDefault(_sequences, (first, rest), out _);
        return made ??= new SequenceExpression(Count++, first, rest);
    }

    /// <summary>All of these in turn.</summary>
    public ByteExpression Sequence(params ReadOnlySpan<ByteExpression> parts)
    {
        ByteExpression sequence = End;
        for (int i = parts.Length - 1; i >= 0; i--)
            sequence = Sequence(parts[i], sequence);
        return sequence;
    }

    /// <summary>One of these, of which there is at least one.</summary>
    public ByteExpression Choice(params ReadOnlySpan<ByteExpression> alternatives)
    {
        if (alternatives.Length == 1)
            return alternatives[0];
        _alternatives.Clear();
        foreach (ByteExpression alternative in alternatives)
        {
            if (alternative is ChoiceExpression choice)
                _alternatives.AddRange(choice.Alternatives);
            else
                _alternatives.Add(alternative);
        }

        _alternatives.Sort((a, b) => a.Id.CompareTo(b.Id));
        int kept = 1;
        for (int i = 1; i < _alternatives.Count; i++)
        {
            if (_alternatives[i] != _alternatives[kept - 1])
                _alternatives[kept++] = _alternatives[i];
        }

        if (kept == 1)
            return _alternatives[0];
        ByteExpression[] key = [.. CollectionsMarshal.AsSpan(_alternatives)[..kept]];
        ref ByteExpression? made = ref CollectionsMarshal.GetValueRefOrAddDefault(_choices, key, out _);
        return made ??= new ChoiceExpression(Count++, key);
    }

    /// <summary>The expression or nothing.</summary>
    public ByteExpression Optional(ByteExpression item) => item.MatchesEmpty ? item : Repeat(item, 0, 1);

    /// <summary>An expression that does not match the empty text, so many times.</summary>
    public ByteExpression Repeat(ByteExpression item, int minimum, int maximum)
    {
        if (item.MatchesEmpty || minimum < 0 || maximum < minimum)
            throw new ArgumentException("Only what is not empty can be repeated, 0 or more times.");
        if (maximum == 0)
            return End;
        if (minimum == 1 && maximum == 1)
            return item;
        ref ByteExpression? made = ref CollectionsMarshal.GetValueRefOrAddDefault(_repeats, (item, minimum, maximum), out _);
        return made ??= new RepeatExpression(Count++, item, minimum, maximum);
    }

    private sealed class SameElements : IEqualityComparer<ByteExpression[]>
    {
        public bool Equals(ByteExpression[]? x, ByteExpression[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(ByteExpression[] elements)
        {
            var hash = default(HashCode);
            foreach (ByteExpression element in elements)
                hash.Add(element.Id);
            return hash.ToHashCode();
        }
    }
}
