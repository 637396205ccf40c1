using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// The cosines and sines at the rows' positions. All layers of a step, and queries and keys, turn by the same ones, so the last few are kept: one layer fetches them for all.
/// </summary>
internal sealed class RotaryRows : IDisposable
{
    private const int Kept = 4; // two-dimensional positions take turns, and prompts with generated tokens

    private readonly Entry?[] _entries = new Entry?[Kept];
    private int _next;

    /// <summary>What turns rows at some positions.</summary>
    private sealed record Entry(TorchTensor Cos, TorchTensor Sin, long CosVersion, long SinVersion, int[] Positions, torch.Tensor CosRows, torch.Tensor SinRows) : IDisposable
    {
        public bool Is(TorchTensor cos, TorchTensor sin, ReadOnlySpan<int> positions)
            => ReferenceEquals(Cos, cos) && ReferenceEquals(Sin, sin) && CosVersion == cos.Version && SinVersion == sin.Version && positions.SequenceEqual(Positions);

        public void Dispose()
        {
            CosRows.Dispose();
            SinRows.Dispose();
        }
    }

    public delegate torch.Tensor MakeIndices(ReadOnlySpan<int> values);

    /// <summary>[rows, 1, columns] each. They belong to this object.</summary>
    public (torch.Tensor Cos, torch.Tensor Sin) Of(TorchTensor cos, TorchTensor sin, ReadOnlySpan<int> positions, MakeIndices indices)
    {
        foreach (Entry? kept in _entries)
        {
            if (kept is not null && kept.Is(cos, sin, positions))
                return (kept.CosRows, kept.SinRows);
        }

        torch.Tensor rows = indices(positions);
        var entry = new Entry(cos, sin, cos.Version, sin.Version, positions.ToArray(), Rows(cos), Rows(sin));
        _entries[_next]?.Dispose();
        _entries[_next] = entry;
        _next = (_next + 1) % Kept;
        return (entry.CosRows, entry.SinRows);

        torch.Tensor Rows(TorchTensor table) => table.Elements.index_select(0, rows).unsqueeze(1).DetachFromDisposeScope();
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
