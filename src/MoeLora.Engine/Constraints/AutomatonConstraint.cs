using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints;

/// <summary>
/// A constraint whose answers are those of a <see cref="ByteExpression"/>, whichever tokens spell them. States and masks are worked out
/// when a sequence first needs them and kept for all; past a bound they are forgotten and worked out again.
/// </summary>
internal sealed class AutomatonConstraint : ITokenConstraint
{
    private readonly object _lock = new();
    private readonly TokenVocabulary _tokens;
    private readonly ByteExpression _answers;
    private readonly ByteAlphabet _alphabet;
    private readonly long _largestGrowth;
    private Knowledge _known;

    /// <summary>The constraint of an expression, each byte of which is a token by itself, so that no answer gets stuck.</summary>
    /// <param name="tokens">The vocabulary.</param>
    /// <param name="answers">What the answers are.</param>
    /// <param name="alphabet">The expression's.</param>
    /// <param name="largestGrowth">Bytes of memory that states and masks may take before they are forgotten.</param>
    public AutomatonConstraint(TokenVocabulary tokens, ByteExpression answers, ByteAlphabet alphabet, long largestGrowth)
    {
        _tokens = tokens;
        _answers = answers;
        _alphabet = alphabet;
        _largestGrowth = largestGrowth;
        _known = new Knowledge(this);
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Size;

    /// <inheritdoc/>
    public IConstraintState Start()
    {
        lock (_lock)
            return new State(this, _known, _known.Automaton.Start);
    }

    /// <summary>Forgets what has become too much, and finds the state's place in what is known now.</summary>
    private void Refresh(State state)
    {
        if (_known.Growth > _largestGrowth)
            _known = new Knowledge(this);
        if (state.Known == _known)
            return;
        state.Place = _known.Automaton.StateOf(state.Known.Automaton.ExpressionOf(state.Place));
        state.Known = _known;
    }

    private ulong[] Allowed(State state)
    {
        lock (_lock)
        {
            Refresh(state);
            return _known.Mask(state.Place);
        }
    }

    private void Advance(State state, int token)
    {
        lock (_lock)
        {
            Refresh(state);
            ByteAutomaton automaton = _known.Automaton;
            ReadOnlySpan<byte> bytes = _tokens.BytesOf(token);
            int place = bytes.IsEmpty ? ByteAutomaton.Dead : state.Place;
            for (int i = 0; i < bytes.Length && place != ByteAutomaton.Dead; i++)
                place = automaton.Next(place, automaton.Classes[bytes[i]]);
            if (place == ByteAutomaton.Dead)
                throw new InvalidOperationException($"Token {token} is not allowed here.");
            state.MoveTo(place);
        }
    }

    /// <summary>What was worked out so far.</summary>
    private sealed class Knowledge
    {
        private readonly TokenVocabulary _tokens;
        private readonly Dictionary<int, ulong[]> _masks = []; // by rounded state
        private readonly Dictionary<int, ulong[]> _shortMasks = [];
        private readonly long _firstSize;

        public Knowledge(AutomatonConstraint constraint)
        {
            _tokens = constraint._tokens;
            Automaton = new ByteAutomaton(constraint._answers, constraint._alphabet);
            _firstSize = Automaton.Size;
        }

        public ByteAutomaton Automaton { get; }

        /// <summary>Bytes of memory beyond those at the start, roughly.</summary>
        public long Growth => Automaton.Size - _firstSize + (_masks.Count + _shortMasks.Count) * (_tokens.Size / 8L);

        public ulong[] Mask(int state)
        {
            int rounded = Automaton.Rounded(state, _tokens.MostBytes);
            if (_masks.TryGetValue(rounded, out ulong[]? mask))
                return mask;
            mask = [.. ShortMask(Automaton.Rounded(state, TokenVocabulary.MostShortBytes))];
            _tokens.Long.Allow(Automaton, rounded, mask);
            return _masks[rounded] = mask;
        }

        private ulong[] ShortMask(int rounded)
        {
            if (_shortMasks.TryGetValue(rounded, out ulong[]? mask))
                return mask;
            mask = new ulong[(_tokens.Size + 63) / 64];
            _tokens.Short.Allow(Automaton, rounded, mask);
            return _shortMasks[rounded] = mask;
        }
    }

    private sealed class State(AutomatonConstraint constraint, Knowledge known, int place) : IConstraintState
    {
        private ulong[]? _allowed;

        public Knowledge Known { get; set; } = known;

        public int Place { get; set; } = place;

        public bool MayEnd { get; private set; } = known.Automaton.MayEnd(place);

        public bool MustEnd { get; private set; } = known.Automaton.MustEnd(place);

        public ReadOnlySpan<ulong> Allowed => _allowed ??= constraint.Allowed(this);

        public void Advance(int token) => constraint.Advance(this, token);

        public void MoveTo(int place)
        {
            Place = place;
            MayEnd = Known.Automaton.MayEnd(place);
            MustEnd = Known.Automaton.MustEnd(place);
            _allowed = null;
        }
    }
}
