namespace MoeLora.Engine.Constraints.Automata;

/// <summary>Copies expressions into a table, counts that are out of sight rounded away. Remembers what it copied.</summary>
/// <param name="table">Where to.</param>
/// <param name="sight">
/// How many bytes of an answer the copy is asked about: a maximum beyond it becomes none, a minimum beyond it as large as matters. Up to
/// so many bytes the copy accepts the same beginnings, because each repetition takes at least one byte. Null copies exactly.
/// </param>
internal sealed class ExpressionCopier(ExpressionTable table, int? sight)
{
    private readonly Dictionary<ByteExpression, ByteExpression> _copies = [];

    /// <summary>The copy of an expression of any table.</summary>
    public ByteExpression Copy(ByteExpression expression)
    {
        if (_copies.TryGetValue(expression, out ByteExpression? copy))
            return copy;

        // Sequences nest to the right as deep as they are long, so that is a loop.
        var parts = new Stack<SequenceExpression>();
        while (!_copies.TryGetValue(expression, out copy) && expression is SequenceExpression sequence)
        {
            parts.Push(sequence);
            expression = sequence.Rest;
        }

        if (copy is null)
            _copies[expression] = copy = CopyOne(expression);
        foreach (SequenceExpression sequence in parts)
            _copies[sequence] = copy = table.Sequence(Copy(sequence.First), copy);
        return copy;
    }

    private ByteExpression CopyOne(ByteExpression expression) => expression switch
    {
        ByteSetExpression one => table.Bytes(one.Bytes),
        ChoiceExpression choice => table.Choice([.. choice.Alternatives.Select(Copy)]),
        RepeatExpression repeat => CopyRepeat(repeat),
        _ => table.End,
    };

    private ByteExpression CopyRepeat(RepeatExpression repeat)
    {
        int maximum = repeat.Maximum > sight ? RepeatExpression.Unbounded : repeat.Maximum;
        int minimum = repeat.Minimum > sight ? sight.Value + 1 : repeat.Minimum;
        return table.Repeat(Copy(repeat.Item), minimum, maximum);
    }
}
