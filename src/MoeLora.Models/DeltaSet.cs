using MoeLora.Tensors;

namespace MoeLora.Models;

/// <summary>
/// What a model needs to know of an adapter to serve it in shared form: one low-rank delta for each adapted module, and which
/// gate vector each module reads. Rows of a batch may belong to different tasks; all share this set.
/// </summary>
/// <param name="ByModule">By <see cref="LinearModule.Index"/>; null where the module is not adapted.</param>
/// <param name="GateSlot">By <see cref="LinearModule.Index"/>: which of a row's gate vectors the module reads; 0 for all when one gate is shared by all layers.</param>
/// <param name="GateSlots">Gate vectors per row: 1 for a shared gate, one per adapted module for the multiple-gates kind.</param>
/// <param name="Rank">The total rank r of every delta.</param>
public sealed record DeltaSet(IReadOnlyList<LowRankDelta?> ByModule, IReadOnlyList<int> GateSlot, int GateSlots, int Rank);

/// <summary>One task's gate for a <see cref="DeltaSet"/>: for each slot r values, (α/r) · ω with each ω_i repeated r/N times.</summary>
public sealed class TaskGateRows
{
    private readonly float[][] _slots;

    /// <summary>Takes ownership of <paramref name="slots"/>.</summary>
    public TaskGateRows(float[][] slots) => _slots = slots;

    /// <summary>The r values of one slot.</summary>
    public ReadOnlySpan<float> Slot(int slot) => _slots[slot];

    /// <summary>Number of slots.</summary>
    public int Slots => _slots.Length;
}
