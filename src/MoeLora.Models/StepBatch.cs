namespace MoeLora.Models;

/// <summary>For which of a sequence's rows a step computes logits.</summary>
public enum LogitsWanted
{
    /// <summary>None: a prompt chunk that is not the last.</summary>
    None,

    /// <summary>The last row only.</summary>
    Last,

    /// <summary>Every row.</summary>
    All,
}

/// <summary>
/// The tokens of one step: for each sequence the next tokens to feed, and its task's gate. Filled, run by
/// <see cref="CausalModel.Forward"/>, cleared and reused; nothing is allocated once it has grown to its largest step.
/// </summary>
public sealed class StepBatch
{
    private readonly List<Entry> _entries = [];
    private readonly List<int> _tokens = [];

    /// <summary>One sequence's part of the step.</summary>
    public readonly record struct Entry(ModelSequence Sequence, int FirstRow, int RowCount, LogitsWanted Wanted, TaskGateRows? Gate)
    {
        /// <summary>How many of the last rows want logits.</summary>
        public int LogitsRows => Wanted switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => RowCount };
    }

    /// <summary>The adapter bank whose deltas rows with a gate use; null when no row has one.</summary>
    public DeltaSet? Deltas { get; set; }

    /// <summary>Rows so far.</summary>
    public int Rows => _tokens.Count;

    /// <summary>Sequences so far.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>Token ids by row.</summary>
    public ReadOnlySpan<int> Tokens => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Rows of logits that the step will write, in the order of the entries.</summary>
    public int LogitsRows { get; private set; }

    /// <summary>Adds a sequence's next tokens. A null <paramref name="gate"/> means the model's own weights (bare or merged).</summary>
    /// <exception cref="ArgumentException">No tokens, they do not fit what its cache has reserved, or the sequence is already in the step.</exception>
    public void Add(ModelSequence sequence, ReadOnlySpan<int> tokens, LogitsWanted wanted, TaskGateRows? gate = null)
    {
        if (tokens.IsEmpty)
            throw new ArgumentException("A step needs at least one token of each sequence.", nameof(tokens));
        if (sequence.FindRoomProblem(tokens.Length) is { } problem)
            throw new ArgumentException(problem, nameof(tokens));
        foreach (Entry other in _entries)
        {
            if (other.Sequence == sequence)
                throw new ArgumentException("The sequence is already in this step.", nameof(sequence));
        }
        var entry = new Entry(sequence, _tokens.Count, tokens.Length, wanted, gate);
        _entries.Add(entry);
        foreach (int token in tokens)
            _tokens.Add(token);
        LogitsRows += entry.LogitsRows;
    }

    /// <summary>Removes all sequences.</summary>
    public void Clear()
    {
        _entries.Clear();
        _tokens.Clear();
        LogitsRows = 0;
        Deltas = null;
    }
}
