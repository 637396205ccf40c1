namespace MoeLora.Engine.Constraints.Automata;

/// <summary>
/// A regular expression over bytes. Made by an <see cref="ExpressionTable"/>, which gives equal expressions as one object. None of them
/// matches nothing at all: whatever follows a beginning, some answer completes it.
/// </summary>
internal abstract class ByteExpression(int id, bool matchesEmpty)
{
    /// <summary>Its number in its table.</summary>
    public int Id { get; } = id;

    /// <summary>Whether it matches the empty text.</summary>
    public bool MatchesEmpty { get; } = matchesEmpty;
}

/// <summary>The empty text.</summary>
internal sealed class EndExpression(int id) : ByteExpression(id, matchesEmpty: true);

/// <summary>One byte of a set that is not empty.</summary>
internal sealed class ByteSetExpression(int id, ByteSet bytes) : ByteExpression(id, matchesEmpty: false)
{
    public ByteSet Bytes { get; } = bytes;
}

/// <summary>One after the other.</summary>
internal sealed class SequenceExpression(int id, ByteExpression first, ByteExpression rest)
    : ByteExpression(id, first.MatchesEmpty && rest.MatchesEmpty)
{
    public ByteExpression First { get; } = first;

    public ByteExpression Rest { get; } = rest;
}

/// <summary>One of two or more, none of them a choice.</summary>
internal sealed class ChoiceExpression(int id, ByteExpression[] alternatives)
    : ByteExpression(id, alternatives.Any(alternative => alternative.MatchesEmpty))
{
    /// <summary>By <see cref="ByteExpression.Id"/>, each once.</summary>
    public ByteExpression[] Alternatives { get; } = alternatives;
}

/// <summary>An expression that does not match the empty text, <see cref="Minimum"/> to <see cref="Maximum"/> times.</summary>
internal sealed class RepeatExpression(int id, ByteExpression item, int minimum, int maximum) : ByteExpression(id, minimum == 0)
{
    /// <summary>A maximum that is none.</summary>
    public const int Unbounded = int.MaxValue;

    public ByteExpression Item { get; } = item;

    public int Minimum { get; } = minimum;

    public int Maximum { get; } = maximum;
}
