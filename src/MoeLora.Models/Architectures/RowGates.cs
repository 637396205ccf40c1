using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>
/// The shared form's part of a step: for each gate slot a matrix [rows, r] with the task gate of every row (zeros for a row without
/// one), which turns a layer into a call with its delta. Matrices are kept for later steps.
/// </summary>
internal sealed class RowGates(Device device) : IDisposable
{
    private readonly Dictionary<int, List<Tensor>> _slotsByRank = [];
    private DeltaSet? _deltas; // null: no row of this step has a gate
    private List<Tensor> _slots = [];
    private float[] _zeros = [];

    /// <summary>Takes the gates of a batch: of all its rows, or of those that want logits, in their order.</summary>
    public void Fill(StepBatch batch, bool logitsRowsOnly)
    {
        _deltas = null;
        for (int i = 0; i < batch.Entries.Count && _deltas is null; i++)
            _deltas = batch.Entries[i].Gate is null ? null : batch.Deltas;
        int rows = logitsRowsOnly ? batch.LogitsRows : batch.Rows;
        if (_deltas is null || rows == 0)
            return;

        Reserve(_deltas, rows);
        for (int slot = 0; slot < _deltas.GateSlots; slot++)
        {
            int row = 0;
            for (int i = 0; i < batch.Entries.Count; i++)
            {
                StepBatch.Entry entry = batch.Entries[i];
                ReadOnlySpan<float> gate = entry.Gate is null ? _zeros.AsSpan(0, _deltas.Rank) : entry.Gate.Slot(slot);
                for (int count = logitsRowsOnly ? entry.LogitsRows : entry.RowCount; count > 0; count--)
                    device.WriteRow(gate, _slots[slot], row++);
            }
        }
    }

    /// <summary>output = beta · output + the layer applied to its input, with its delta where the step has gates and the layer is adapted.</summary>
    public LinearCall Call(DenseLayer layer, Tensor output, float beta = 0)
    {
        LowRankDelta? delta = _deltas?.ByModule[layer.Module];
        return new LinearCall
        {
            Weight = layer.Weight,
            Bias = layer.Bias,
            Output = output,
            Beta = beta,
            Delta = delta,
            Gate = delta is null ? null : _slots[_deltas!.GateSlot[layer.Module]],
        };
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _slotsByRank.Values.SelectMany(slots => slots))
            tensor.Dispose();
        _slotsByRank.Clear();
    }

    private void Reserve(DeltaSet deltas, int rows)
    {
        if (_zeros.Length < deltas.Rank)
            _zeros = new float[deltas.Rank];
        if (!_slotsByRank.TryGetValue(deltas.Rank, out List<Tensor>? slots))
            _slotsByRank.Add(deltas.Rank, slots = []);
        for (int slot = 0; slot < deltas.GateSlots; slot++)
        {
            if (slot < slots.Count && slots[slot].Rows >= rows)
                continue;
            Tensor grown = device.Allocate(DType.F32, Step.Capacity(rows), deltas.Rank); // [rows, r]
            if (slot == slots.Count)
            {
                slots.Add(grown);
                continue;
            }
            slots[slot].Dispose();
            slots[slot] = grown;
        }
        _slots = slots;
    }
}
