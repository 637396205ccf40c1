using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    /// <inheritdoc/>
    public override KvPool CreateKvPool(int layers, int heads, int headDim, int blockPositions, int blocks)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (blockPositions is not (32 or 64 or 128))
            throw new ArgumentOutOfRangeException(nameof(blockPositions), blockPositions, "Blocks of 32, 64 or 128 positions are supported: attention takes keys by 128.");
        using Operation _ = _operation.Begin();
        return Allocated($"keys and values of {blocks} blocks of {blockPositions} positions", () =>
        {
            var pool = new TorchKvPool(this, layers, heads, headDim, blockPositions, blocks,
                () => torch.zeros(layers, (long)blocks * heads, blockPositions, headDim, torch.ScalarType.Float32, _device).DetachFromDisposeScope());
            lock (_tensors)
                _pools.Add(pool);
            return pool;
        });
    }

    /// <inheritdoc/>
    public override long KvBytesPerPosition(int layers, int heads, int headDim) => TorchKvPool.PositionBytes(layers, heads, headDim);

    /// <inheritdoc/>
    /// <remarks>
    /// A product of a probability of zero and a value that is not finite would be NaN in rows that do not see it. So such a value is stored as zero, and the position's key as NaN,
    /// which makes NaN of all that see the position, and is hidden from all others.
    /// </remarks>
    public override void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans)
    {
        OperandChecks.StoreKv(keys, values, layer, spans);
        using Operation operation = _operation.Begin();
        _plan.Update(this, spans);
        foreach (StoredRows group in _plan.Stores)
        {
            int dim = keys.HeadDim;
            torch.Tensor k = Chosen(keys, group.Rows), v = Chosen(values, group.Rows);
            k = k.Plus(v.mul(operation.Number(0.0)).sum(-1, keepdim: true));
            v = v.nan_to_num(0, 0, 0);
            group.Pool.Keys(layer).view(-1, dim).index_copy_(0, group.Slots, k.view(-1, dim));
            group.Pool.Values(layer).view(-1, dim).index_copy_(0, group.Slots, v.view(-1, dim));
        }
    }

    /// <inheritdoc/>
    public override void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output)
    {
        OperandChecks.Attention(queries, layer, spans, output);
        try
        {
            using Operation operation = _operation.Begin();
            _plan.Update(this, spans);
            TorchTensor target = Torch(output);
            foreach (AttendingRows group in _plan.Reads)
            {
                torch.Tensor result = Attend(operation, queries, layer, group, scale);
                if (group.Rows.Index is { } index)
                    target.Write(target.Rows).index_copy_(0, index, result);
                else
                    target.Write(group.Rows.First, group.Rows.Count).copy_(result);
            }
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            _plan.Dispose();
            throw DeviceMemory.Error(Name, "attention", e);
        }
    }

    /// <summary>
    /// softmax(q · kᵀ) · v for a group of rows, [rows, heads · dim]. Exponentials are against the largest score of the row, which does not depend on an order; weighted sums and
    /// sums of exponentials are made for each tile of positions, and added tile after tile.
    /// </summary>
    private torch.Tensor Attend(Operation operation, HeadView queries, int layer, AttendingRows group, float scale)
    {
        TorchKvPool pool = group.Pool;
        int dim = queries.HeadDim, shared = queries.Heads / pool.Heads, batch = group.Items * pool.Heads, rows = group.RowsEach * shared;
        int positions = group.Tiles * AttentionPlan.TilePositions;
        torch.Tensor q = Chosen(queries, group.Rows).view(group.Items, group.RowsEach, pool.Heads, shared, dim)
            .permute(0, 2, 1, 3, 4).mul(operation.Number(scale)).reshape(batch, rows, dim);
        torch.Tensor k = pool.Keys(layer).index_select(0, group.Table).view(batch, positions, dim);
        torch.Tensor scores = q.bmm(k.transpose(1, 2));                                                       // [batch, rows, positions]
        scores.view(group.Items, pool.Heads, group.RowsEach, shared, positions).masked_fill_(group.Hidden, operation.Number(double.NegativeInfinity));
        torch.Tensor weights = scores.sub_(scores.amax([-1], keepdim: true)).exp_();

        torch.Tensor tiles = weights.view(batch, rows, group.Tiles, AttentionPlan.TilePositions).transpose(1, 2)
            .reshape(batch * group.Tiles, rows, AttentionPlan.TilePositions);
        torch.Tensor v = pool.Values(layer).index_select(0, group.Table).view(batch * group.Tiles, AttentionPlan.TilePositions, dim);
        torch.Tensor parts = torch.cat([tiles.bmm(v), tiles.sum(-1, keepdim: true)], -1).view(batch, group.Tiles, rows, dim + 1);
        torch.Tensor sums = parts.select(1, 0);
        for (int tile = 1; tile < group.Tiles; tile++)
            sums.Increase(parts.select(1, tile));
        return sums.narrow(-1, 0, dim).div(sums.narrow(-1, dim, 1)).view(group.Items, pool.Heads, group.RowsEach, shared, dim)
            .permute(0, 2, 1, 3, 4).reshape(group.Rows.Count, queries.Heads * dim);
    }

    /// <summary>Some rows of heads, [rows, heads, dim].</summary>
    private torch.Tensor Chosen(HeadView heads, RowSet rows)
    {
        TorchTensor tensor = Torch(heads.Tensor);
        return rows.Index is { } index
            ? Part(tensor.Elements, tensor, heads, tensor.Rows, 0, heads.HeadDim).index_select(0, index)
            : Part(tensor.Elements, tensor, heads, rows.Count, 0, heads.HeadDim, rows.First);
    }

    /// <summary>The cache's pool as one of this device's.</summary>
    /// <exception cref="ArgumentException">It lives on another device.</exception>
    internal TorchKvPool Pool(KvCache cache) => cache.Pool is TorchKvPool pool && ReferenceEquals(pool.Device, this)
        ? pool
        : throw new ArgumentException($"The key/value cache lives on {cache.Pool.Device.Name}, not on {Name}.", nameof(cache));

    /// <summary>Copies the heads of a block, in all layers.</summary>
    internal void CopyBlock(torch.Tensor keys, torch.Tensor values, long from, long to, int heads)
    {
        using Operation _ = _operation.Begin();
        keys.narrow(1, to, heads).copy_(keys.narrow(1, from, heads));
        values.narrow(1, to, heads).copy_(values.narrow(1, from, heads));
    }

    /// <summary>From the place of head 0 of each position the places of all heads, [positions · heads].</summary>
    internal torch.Tensor HeadSlots(List<long> first, int heads, int blockPositions)
        => Indices(first).unsqueeze(1).Plus(Range(heads).mul_(_operation.Number((long)blockPositions))).view(-1).DetachFromDisposeScope();

    /// <summary>From tables of blocks, item by item, the places of all heads of the blocks, [items · heads · blocks].</summary>
    internal torch.Tensor HeadBlocks(List<long> blocks, int items, int heads)
        => Indices(blocks).mul_(_operation.Number((long)heads)).view(items, 1, -1).Plus(Range(heads).view(1, heads, 1)).view(-1).DetachFromDisposeScope();

    /// <summary>[items, 1, rows, 1, positions]: true from a row's number of visible positions on.</summary>
    internal torch.Tensor Hidden(List<long> visible, int items, int positions)
        => Range(positions).ge(Indices(visible).view(items, 1, -1, 1, 1)).DetachFromDisposeScope();

    private torch.Tensor Indices(List<long> values)
    {
        torch.Tensor host = _staging.Piece(torch.ScalarType.Int64, values.Count);
        CollectionsMarshal.AsSpan(values).CopyTo(HostStaging.Elements<long>(host));
        return HostStaging.Send(host, _device);
    }

    internal torch.Tensor Range(int count) => torch.arange(_operation.Number(0L), _operation.Number((long)count), _operation.Number(1L), torch.ScalarType.Int64, _device);
}
