using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints;

/// <summary>
/// A constraint whose answers are those of a <see cref="ByteExpression"/>, whichever tokens spell them. States and masks are worked out
/// when a sequence first needs them and kept for all; past a bound they are forgotten and worked out again.
/// </summary>
internal sealed class AutomatonConstraint : ITokenConstraint
{
    private readonly object _lock = new();
    private readonly TokenTrie _tokens;
    private readonly ByteExpression _answers;
    private readonly ByteAlphabet _alphabet;
    private readonly long _largestGrowth;
    private Kept _kept;

    /// <summary>The constraint of an expression, each byte of which is a token by itself, so that no answer gets stuck.</summary>
    /// <param name="tokens">The vocabulary.</param>
    /// <param name="answers">What the answers are.</param>
    /// <param name="alphabet">The expression's.</param>
    /// <param name="largestGrowth">Bytes of memory that states and masks may take before they are forgotten.</param>
    public AutomatonConstraint(TokenTrie tokens, ByteExpression answers, ByteAlphabet alphabet, long largestGrowth)
    {
        _tokens = tokens;
        _answers = answers;
        _alphabet = alphabet;
        _largestGrowth = largestGrowth;
        _kept = NewKept();
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.VocabularySize;

    /// <inheritdoc/>
    public IConstraintState Start()
    {
        lock (_lock)
            return new State(this, _kept, _kept.Automaton.Start);
    }

    private Kept NewKept()
    {
        var automaton = new ByteAutomaton(_answers, _alphabet, _tokens.LongestToken);
        return new Kept(automaton, [], automaton.Size);
    }

    /// <summary>Takes a state over from what was forgotten, or forgets what has become too much.</summary>
    private void Refresh(State of)
    {
        if (_kept.Automaton.Size + _kept.Masks.Count * (_tokens.VocabularySize / 8L) > _kept.FirstSize + _largestGrowth)
            _kept = NewKept();
        if (of.Kept == _kept)
            return;
        of.Place = _kept.Automaton.StateOf(of.Kept.Automaton.ExpressionOf(of.Place));
        of.Kept = _kept;
    }

    private ulong[] Allowed(State of)
    {
        lock (_lock)
        {
            Refresh(of);
            int rounded = of.Kept.Automaton.Rounded(of.Place);
            if (!of.Kept.Masks.TryGetValue(rounded, out ulong[]? mask))
                of.Kept.Masks[rounded] = mask = _tokens.Allowed(of.Kept.Automaton, rounded);
            return mask;
        }
    }

    private void Advance(State of, int token)
    {
        lock (_lock)
        {
            Refresh(of);
            ByteAutomaton automaton = of.Kept.Automaton;
            ReadOnlySpan<byte> bytes = _tokens.BytesOf(token);
            int place = bytes.IsEmpty ? ByteAutomaton.Dead : of.Place;
            for (int i = 0; i < bytes.Length && place != ByteAutomaton.Dead; i++)
                place = automaton.Next(place, automaton.Classes[bytes[i]]);
            if (place == ByteAutomaton.Dead)
                throw new InvalidOperationException($"Token {token} is not allowed here.");
            of.Place = place;
            of.MayEnd = automaton.MayEnd(place);
            of.MustEnd = automaton.MustEnd(place);
        }
    }

    /// <summary>What was worked out so far.</summary>
    /// <param name="Automaton">States.</param>
    /// <param name="Masks">The mask of each rounded state.</param>
    /// <param name="FirstSize">The automaton's size when nothing was worked out yet.</param>
    private sealed record Kept(ByteAutomaton Automaton, Dictionary<int, ulong[]> Masks, long FirstSize);

    private sealed class State(AutomatonConstraint constraint, Kept kept, int place) : IConstraintState
    {
        private ulong[]? _allowed;

        public Kept Kept { get; set; } = kept;

        public int Place { get; set; } = place;

        public ReadOnlySpan<ulong> Allowed => _allowed ??= constraint.Allowed(this);

        public bool MayEnd { get; set; } = kept.Automaton.MayEnd(place);

        public bool MustEnd { get; set; } = kept.Automaton.MustEnd(place);

        public void Advance(int token)
        {
            constraint.Advance(this, token);
            _allowed = null;
        }
    }
}
