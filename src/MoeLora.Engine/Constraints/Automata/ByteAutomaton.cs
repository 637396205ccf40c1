using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MoeLora.Engine.Constraints.Automata;

/// <summary>
/// The automaton of an expression, whose states are made when they are first asked for. A state is what may still follow: the expression
/// that the partial derivatives by the bytes so far leave (Antimirov, Partial derivatives of regular expressions and finite automaton
/// constructions, 1996). From every state but <see cref="Dead"/> an end can be reached.
/// </summary>
internal sealed class ByteAutomaton
{
    /// <summary>The state after bytes that no answer begins with.</summary>
    public const int Dead = 0;

    private const int Unknown = -1;

    private readonly ExpressionTable _table = new();
    private readonly ByteAlphabet _alphabet;
    private readonly ExpressionCopier _importer;
    private readonly Dictionary<int, ExpressionCopier> _rounders = []; // by sight
    private readonly Dictionary<ByteExpression, int> _states = [];
    private readonly List<ByteExpression?> _expressions = [null];
    private readonly List<ByteExpression> _derivatives = [];
    private readonly int _classCount;
    private int[] _transitions; // [state, class of byte]

    /// <summary>The automaton of an expression, which may belong to another table.</summary>
    /// <param name="expression">What the answers are.</param>
    /// <param name="alphabet">The expression's.</param>
    public ByteAutomaton(ByteExpression expression, ByteAlphabet alphabet)
    {
        _alphabet = alphabet;
        _classCount = alphabet.ClassCount;
        _transitions = new int[64 * _classCount];
        _importer = new ExpressionCopier(_table, null);
        Start = StateOf(expression);
    }

    /// <summary>The state before the first byte.</summary>
    public int Start { get; }

    /// <summary>What the automaton holds in memory by now, in bytes, roughly.</summary>
    public long Size => (long)_transitions.Length * sizeof(int) + _table.Count * 150L;

    /// <summary>The class of each byte, for <see cref="Next"/>.</summary>
    public ReadOnlySpan<byte> Classes => _alphabet.Classes;

    /// <summary>The state of what may follow, in an expression of any table.</summary>
    public int StateOf(ByteExpression expression) => StateOfOwn(_importer.Copy(expression));

    /// <summary>What may follow a state other than <see cref="Dead"/>.</summary>
    public ByteExpression ExpressionOf(int state) => _expressions[state]!;

    /// <summary>Whether the bytes so far are an answer.</summary>
    public bool MayEnd(int state) => ExpressionOf(state).MatchesEmpty;

    /// <summary>Whether they are one and nothing can follow.</summary>
    public bool MustEnd(int state) => ExpressionOf(state) == _table.End;

    /// <summary>A state that accepts the same beginnings up to so many bytes, common to states that differ only further on.</summary>
    public int Rounded(int state, int sight)
    {
        ref ExpressionCopier? rounder = ref CollectionsMarshal.GetValueRefOrAddDefault(_rounders, sight, out _);
        rounder ??= new ExpressionCopier(_table, sight);
        return StateOfOwn(rounder.Copy(ExpressionOf(state)));
    }

    /// <summary>The state after one more byte.</summary>
    /// <param name="state">A state other than <see cref="Dead"/>.</param>
    /// <param name="byteClass">The byte's class.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int state, byte byteClass)
    {
        int next = _transitions[state * _classCount + byteClass];
        return next != Unknown ? next : Find(state, byteClass);
    }

    private int Find(int state, byte byteClass)
    {
        _derivatives.Clear();
        Derive(ExpressionOf(state), (byte)_alphabet.Classes.IndexOf(byteClass), _table.End);
        int next = _derivatives.Count == 0 ? Dead : StateOfOwn(_table.Choice(CollectionsMarshal.AsSpan(_derivatives)));
        _transitions[state * _classCount + byteClass] = next;
        return next;
    }

    /// <summary>Adds what may follow once the byte has been taken from an expression that the rest follows.</summary>
    private void Derive(ByteExpression expression, byte value, ByteExpression rest)
    {
        switch (expression)
        {
            case ByteSetExpression one when one.Bytes.Contains(value):
                _derivatives.Add(rest);
                break;
            case SequenceExpression sequence:
                Derive(sequence.First, value, _table.Sequence(sequence.Rest, rest));
                if (sequence.First.MatchesEmpty)
                    Derive(sequence.Rest, value, rest);
                break;
            case RepeatExpression repeat:
                int maximum = repeat.Maximum == RepeatExpression.Unbounded ? RepeatExpression.Unbounded : repeat.Maximum - 1;
                Derive(repeat.Item, value, _table.Sequence(_table.Repeat(repeat.Item, Math.Max(repeat.Minimum - 1, 0), maximum), rest));
                break;
            case ChoiceExpression choice:
                foreach (ByteExpression alternative in choice.Alternatives)
                    Derive(alternative, value, rest);
                break;
        }
    }

    private int StateOfOwn(ByteExpression expression)
    {
        ref int state = ref CollectionsMarshal.GetValueRefOrAddDefault(_states, expression, out bool known);
        if (known)
            return state;
        state = _expressions.Count;
        _expressions.Add(expression);
        if (_transitions.Length < _expressions.Count * _classCount)
            Array.Resize(ref _transitions, _transitions.Length * 2);
        _transitions.AsSpan(state * _classCount, _classCount).Fill(Unknown);
        return state;
    }
}
