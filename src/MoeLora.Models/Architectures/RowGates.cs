using System.Numerics;
using System.Runtime.InteropServices;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>
/// The shared form's part of a step: which rows use which bank, and for each gate slot a matrix [rows, r] with the task gate of every row that has one, which turns
/// a layer into a call with its deltas. Memory is kept for later steps.
/// </summary>
internal sealed class RowGates(Device device) : IDisposable
{
    private readonly List<BankRows> _banks = [];
    private readonly List<Tensor> _slots = []; // [rows or more, largest rank or more] each
    private RowDelta[] _deltas = []; // by module, as many for each as there are banks
    private float[] _gates = []; // of one slot, [rows, columns of the slot]

    /// <summary>Neighbouring rows that use one bank.</summary>
    private readonly record struct BankRows(DeltaSet Deltas, int FirstRow, int RowCount);

    /// <summary>Takes the gates of a batch: of all its rows, or of those that want logits, in their order.</summary>
    public void Fill(StepBatch batch, bool logitsRowsOnly)
    {
        Release();
        FindBanks(batch, logitsRowsOnly);
        if (_banks.Count == 0)
            return;
        int rows = logitsRowsOnly ? batch.LogitsRows : batch.Rows;
        int slots = Reserve(rows);
        for (int slot = 0; slot < slots; slot++)
            Write(batch, logitsRowsOnly, rows, slot);
    }

    /// <summary>output = beta · output + the layer applied to its input, with the deltas of the rows whose bank adapts the layer. Once for each module between two fills.</summary>
    public LinearCall Call(DenseLayer layer, Tensor output, float beta = 0)
    {
        int first = layer.Module * _banks.Count, count = 0;
        foreach (BankRows bank in CollectionsMarshal.AsSpan(_banks))
        {
            if (bank.Deltas.ByModule[layer.Module] is { } delta)
                _deltas[first + count++] = new RowDelta(delta, _slots[bank.Deltas.GateSlot[layer.Module]], bank.FirstRow, bank.RowCount);
        }

        return new LinearCall
        {
            Weight = layer.Weight,
            Bias = layer.Bias,
            Output = output,
            Beta = beta,
            Deltas = _deltas.AsMemory(first, count),
        };
    }

    /// <summary>Forgets the batch's banks, so that one that is no longer served is not kept alive.</summary>
    public void Release()
    {
        if (_banks.Count > 0)
            Array.Clear(_deltas);
        _banks.Clear();
    }

    public void Dispose()
    {
        foreach (Tensor slot in _slots)
            slot.Dispose();
        _slots.Clear();
    }

    private void FindBanks(StepBatch batch, bool logitsRowsOnly)
    {
        int row = 0;
        for (int i = 0; i < batch.Entries.Count; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            int rows = logitsRowsOnly ? entry.LogitsRows : entry.RowCount;
            if (entry.Deltas is { } deltas && rows > 0)
            {
                if (_banks.Count > 0 && _banks[^1] is { } last && last.Deltas == deltas && last.FirstRow + last.RowCount == row)
                    _banks[^1] = last with { RowCount = last.RowCount + rows };
                else
                    _banks.Add(new BankRows(deltas, row, rows));
            }

            row += rows;
        }
    }

    /// <summary>Writes a slot's gates of all rows at once: zeros for what has none.</summary>
    private void Write(StepBatch batch, bool logitsRowsOnly, int rows, int slot)
    {
        int columns = _slots[slot].Columns, row = 0;
        Span<float> gates = _gates.AsSpan(0, rows * columns);
        gates.Clear();
        for (int i = 0; i < batch.Entries.Count; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            int end = row + (logitsRowsOnly ? entry.LogitsRows : entry.RowCount);
            for (; entry.Gate is { } gate && slot < entry.Deltas!.GateSlots && row < end; row++)
                gate.Slot(slot).CopyTo(gates[(row * columns)..]);
            row = end;
        }

        device.WriteRows(gates, _slots[slot], 0, rows);
    }

    /// <returns>How many slots the batch's banks have at most.</returns>
    private int Reserve(int rows)
    {
        int modules = 0, slots = 0, rank = 0;
        foreach (BankRows bank in CollectionsMarshal.AsSpan(_banks))
            (modules, slots, rank) = (bank.Deltas.ByModule.Count, Math.Max(slots, bank.Deltas.GateSlots), Math.Max(rank, bank.Deltas.Rank));
        if (_deltas.Length < modules * _banks.Count)
            _deltas = new RowDelta[modules * (int)BitOperations.RoundUpToPowerOf2((uint)_banks.Count)];
        for (int slot = 0; slot < slots; slot++)
        {
            (int oldRows, int oldRank) = slot < _slots.Count ? (_slots[slot].Rows, _slots[slot].Columns) : (0, 0);
            if (oldRows >= rows && oldRank >= rank)
                continue;
            Tensor grown = device.Allocate(DType.F32, Math.Max(oldRows, Step.Capacity(rows)), Math.Max(oldRank, rank));
            if (slot == _slots.Count)
            {
                _slots.Add(grown);
                continue;
            }

            _slots[slot].Dispose();
            _slots[slot] = grown;
        }

        int largest = 0;
        for (int slot = 0; slot < slots; slot++)
            largest = Math.Max(largest, _slots[slot].Rows * _slots[slot].Columns);
        if (_gates.Length < largest)
            _gates = new float[largest];
        return slots;
    }
}
