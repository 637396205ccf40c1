using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// The gates of ranges of rows, and which of these rows have a gate of zeros alone. All layers of a step use the same ones, so the last few are kept until they are written again.
/// </summary>
internal sealed class GateRows : IDisposable
{
    private const int Kept = 8; // ranges of rows of a mixed step, of all rows and of those that want logits

    private readonly Entry?[] _entries = new Entry?[Kept];
    private int _next;

    private sealed record Entry(TorchTensor Gate, long Version, int First, int Rows, int Rank, torch.Tensor Values, torch.Tensor IsZero) : IDisposable
    {
        public void Dispose()
        {
            Values.Dispose();
            IsZero.Dispose();
        }
    }

    /// <summary>[rows, rank], and [rows, 1]: true where a row is all zeros. They belong to this object.</summary>
    public (torch.Tensor Values, torch.Tensor IsZero) Of(Operation operation, TorchTensor gate, int first, int rows, int rank)
    {
        foreach (Entry? kept in _entries)
        {
            if (kept is not null && ReferenceEquals(kept.Gate, gate) && (kept.Version, kept.First, kept.Rows, kept.Rank) == (gate.Version, first, rows, rank))
                return (kept.Values, kept.IsZero);
        }

        torch.Tensor values = gate.Elements.narrow(0, first, rows).narrow(1, 0, rank);
        torch.Tensor isZero = values.eq(operation.Number(0.0)).all(1, keepdim: true);
        var entry = new Entry(gate, gate.Version, first, rows, rank, values.DetachFromDisposeScope(), isZero.DetachFromDisposeScope());
        _entries[_next]?.Dispose();
        _entries[_next] = entry;
        _next = (_next + 1) % Kept;
        return (entry.Values, entry.IsZero);
    }

    public void Dispose()
    {
        for (int i = 0; i < Kept; i++)
        {
            _entries[i]?.Dispose();
            _entries[i] = null;
        }
    }
}
