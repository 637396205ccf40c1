using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// Some rows of one sample with the keys and values that they may see, grouped by key/value head: [kv heads, shared · rows, …], where the query heads that share a key/value head are
/// one behind the other.
/// </summary>
/// <remarks>
/// Products run over what a mask hides, too, with a weight of zero; 0 · NaN would be NaN. So what is not finite is taken out of a product's right side (<see cref="Clean"/>), and NaN is
/// added where a row does see it: how many of those there are up to a position is a running sum.
/// </remarks>
internal sealed class SelfPart
{
    private readonly TorchDevice _device;
    private readonly Operation _operation;
    private readonly SelfSpan _span;
    private readonly int _first, _rows, _shared, _kvHeads;
    private readonly torch.Tensor _lastSeen; // [rows], the last key that each row sees
    private readonly torch.Tensor _hidden;   // [rows, keys]

    public SelfPart(TorchDevice device, Operation operation, HeadView queries, HeadView keys, HeadView values, in SelfSpan span, int first, int rows)
    {
        (_device, _operation, _span, _first, _rows) = (device, operation, span, first, rows);
        (_kvHeads, _shared) = (keys.Heads, queries.Heads / keys.Heads);
        KeyRows = Math.Max(first + rows, span.VisiblePrefix);
        int[] seen = new int[rows];
        for (int i = 0; i < rows; i++)
            seen[i] = Math.Max(first + i, span.VisiblePrefix - 1);
        _lastSeen = device.Indices(seen);
        _hidden = device.Range(KeyRows).gt(_lastSeen.unsqueeze(1));
        Queries = Grouped(queries);
        Keys = ByHead(keys);
        Values = ByHead(values);
        CleanValues = Clean(Values);
    }

    /// <summary>Keys that some row sees: the sample's first ones.</summary>
    public int KeyRows { get; }

    public torch.Tensor Queries { get; }

    /// <summary>[kv heads, keys, dim].</summary>
    public torch.Tensor Keys { get; }

    /// <summary>[kv heads, keys, dim].</summary>
    public torch.Tensor Values { get; }

    public torch.Tensor CleanValues { get; }

    /// <summary>scale · q · kᵀ, minus infinity where a row does not see: [kv heads, shared · rows, keys].</summary>
    public torch.Tensor Scores(float scale)
        => Masked(Queries.mul(_operation.Number(scale)).bmm(Keys.transpose(1, 2)), double.NegativeInfinity);

    /// <summary>Zeros where a row does not see.</summary>
    public torch.Tensor Hide(torch.Tensor weights) => Masked(weights, 0);

    /// <summary>The part's rows of heads of queries, grouped.</summary>
    public torch.Tensor Grouped(HeadView heads)
        => _device.HeadRows(heads, _span.FirstRow + _first, _rows).transpose(0, 1).reshape(_kvHeads, _shared * _rows, heads.HeadDim);

    /// <summary>Back to [rows, heads, …].</summary>
    public torch.Tensor Rows(torch.Tensor grouped) => grouped.reshape(_kvHeads * _shared, _rows, grouped.shape[2]).transpose(0, 1);

    /// <summary>Zeros for what is not finite.</summary>
    public torch.Tensor Clean(torch.Tensor values) => values.nan_to_num(0, 0, 0);

    /// <summary>NaN for the rows and elements that see a key's element which is not finite, else 0: [kv heads, shared · rows, dim].</summary>
    public torch.Tensor SeenBySomeRow(torch.Tensor keys)
    {
        torch.Tensor upTo = Bad(keys).cumsum(1).index_select(1, _lastSeen);                  // [kv heads, rows, dim]
        return Poison(upTo).unsqueeze(1).expand(_kvHeads, _shared, _rows, keys.shape[2]).reshape(_kvHeads, _shared * _rows, keys.shape[2]);
    }

    /// <summary>NaN for the keys and elements that are seen from a row whose element is not finite, else 0: [kv heads, keys, dim].</summary>
    public torch.Tensor SeenFromKeys(torch.Tensor grouped)
    {
        long dim = grouped.shape[2];
        torch.Tensor bad = Bad(grouped).view(_kvHeads, _shared, _rows, dim).sum(1);          // [kv heads, rows, dim]
        torch.Tensor before = torch.cat([torch.zeros(_kvHeads, 1, dim, torch.ScalarType.Float32, bad.device), bad.cumsum(1)], 1);
        int[] firstSeer = new int[KeyRows]; // the first of these rows that sees a key; all later ones do
        for (int key = 0; key < KeyRows; key++)
            firstSeer[key] = key < _span.VisiblePrefix ? 0 : Math.Clamp(key - _first, 0, _rows);
        return Poison(before.narrow(1, _rows, 1).sub(before.index_select(1, _device.Indices(firstSeer))));
    }

    private torch.Tensor ByHead(HeadView heads) => _device.HeadRows(heads, _span.FirstRow, KeyRows).transpose(0, 1).contiguous();

    private torch.Tensor Masked(torch.Tensor scores, double value)
    {
        scores.view(_kvHeads, _shared, _rows, KeyRows).masked_fill_(_hidden, _operation.Number(value));
        return scores;
    }

    private static torch.Tensor Bad(torch.Tensor values) => values.isfinite().logical_not_().to_type(torch.ScalarType.Float32);

    /// <summary>NaN where a count is above zero.</summary>
    private torch.Tensor Poison(torch.Tensor counts) => torch.zeros_like(counts).masked_fill_(counts.gt(_operation.Number(0.0)), _operation.Number(double.NaN));
}
