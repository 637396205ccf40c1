using System.Runtime.InteropServices;
using MoeLora.Tensors;

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
/// The tokens of one step: for each sequence the next tokens to feed, and its task's gate and bank. Filled, run by
/// <see cref="CausalModel.Forward"/>, cleared and reused; nothing is allocated once it has grown to its largest step.
/// </summary>
public sealed class StepBatch
{
    private readonly List<Entry> _entries = [];
    private readonly List<int> _tokens = [];

    /// <summary>One sequence's part of the step.</summary>
    public readonly record struct Entry(ModelSequence Sequence, int FirstRow, int RowCount, LogitsWanted Wanted, TaskGateRows? Gate, DeltaSet? Deltas)
    {
        /// <summary>How many of the last rows want logits.</summary>
        public int LogitsRows => Wanted switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => RowCount };
    }

    /// <summary>
    /// The order of summation of the dense layers. In a fixed one the bits of a row depend on its sequence alone: prompts fed in <see cref="LinearOrder.Many"/> and
    /// generated tokens in <see cref="LinearOrder.Few"/> give the same logits however they are cut into steps and whatever else is in them. Logits are always summed
    /// in the order Few then. <see cref="Clear"/> keeps it.
    /// </summary>
    public LinearOrder Order { get; set; }

    /// <summary>Rows so far.</summary>
    public int Rows => _tokens.Count;

    /// <summary>Sequences so far.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>Token ids by row.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Rows of logits that the step will write, in the order of the entries.</summary>
    public int LogitsRows { get; private set; }

    /// <summary>Adds a sequence's next tokens. Sequences of one bank should be added one after the other: each change of bank costs a little time.</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="tokens">At least one.</param>
    /// <param name="wanted">For which of them logits are computed.</param>
    /// <param name="gate">The task's gate; null for the model's own weights (bare or merged).</param>
    /// <param name="deltas">The bank that the gate is for; not null with a gate, and not used without one.</param>
    /// <exception cref="ArgumentException">
    /// No tokens, they do not fit what its cache has reserved, the sequence is already in the step, or the gate does not fit the deltas.
    /// </exception>
    public void Add(ModelSequence sequence, ReadOnlySpan<int> tokens, LogitsWanted wanted, TaskGateRows? gate = null, DeltaSet? deltas = null)
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
        if (gate is not null)
            CheckGate(gate, deltas);
        var entry = new Entry(sequence, _tokens.Count, tokens.Length, wanted, gate, gate is null ? null : deltas);
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
    }

    private static void CheckGate(TaskGateRows gate, DeltaSet? deltas)
    {
        if (deltas is null)
            throw new ArgumentException("A gate was given without the deltas of its bank.", nameof(deltas));
        if (gate.Slots != deltas.GateSlots)
            throw new ArgumentException($"The gate has {gate.Slots} slots; the deltas need {deltas.GateSlots}.", nameof(gate));
        for (int slot = 0; slot < deltas.GateSlots; slot++)
        {
            if (gate.Slot(slot).Length != deltas.Rank)
                throw new ArgumentException($"The gate has {gate.Slot(slot).Length} values; the deltas have rank {deltas.Rank}.", nameof(gate));
        }
    }
}
