using System.Numerics;
using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// Where the keys and values of a step's rows are, as index tensors on the device. All layers of a step need the same ones, so they are made when the spans or their tables of
/// blocks have changed, and kept.
/// </summary>
internal sealed class AttentionPlan : IDisposable
{
    /// <summary>Positions whose part of a row's result is summed by itself. Fixed, and counted from position 0: a row's bits do not depend on how long other sequences are.</summary>
    public const int TilePositions = 128;

    /// <summary>Rows of a prompt that are attended at a time, which limits the memory of their scores.</summary>
    private const int PromptRows = 128;

    private readonly List<int> _seen = [], _next = [];
    private readonly List<TorchKvPool> _pools = [], _nextPools = [];
    private readonly List<StoredRows> _stores = [];
    private readonly List<AttendingRows> _reads = [];

    /// <summary>The rows whose keys and values go to one pool.</summary>
    public IReadOnlyList<StoredRows> Stores => _stores;

    /// <summary>Rows that attend together.</summary>
    public IReadOnlyList<AttendingRows> Reads => _reads;

    /// <summary>Makes the plan for spans, unless it is already.</summary>
    public void Update(TorchDevice device, ReadOnlySpan<AttentionSpan> spans)
    {
        Describe(device, spans);
        if (CollectionsMarshal.AsSpan(_next).SequenceEqual(CollectionsMarshal.AsSpan(_seen))
            && CollectionsMarshal.AsSpan(_nextPools).SequenceEqual(CollectionsMarshal.AsSpan(_pools)))
        {
            return;
        }

        Dispose();
        foreach (TorchKvPool pool in _nextPools.Distinct())
        {
            Store(device, pool, spans);
            Attend(device, pool, spans);
        }
        _seen.AddRange(_next);
        _pools.AddRange(_nextPools);
    }

    /// <summary>Forgets the plan.</summary>
    public void Dispose()
    {
        _stores.ForEach(rows => rows.Dispose());
        _stores.Clear();
        _reads.ForEach(rows => rows.Dispose());
        _reads.Clear();
        _seen.Clear();
        _pools.Clear();
    }

    /// <summary>All that the plan is made from.</summary>
    private void Describe(TorchDevice device, ReadOnlySpan<AttentionSpan> spans)
    {
        _next.Clear();
        _nextPools.Clear();
        foreach (ref readonly AttentionSpan span in spans)
        {
            _nextPools.Add(device.Pool(span.Cache));
            _next.AddRange([span.FirstRow, span.RowCount, span.Past, span.VisiblePrefix]);
            int size = span.Cache.Pool.BlockPositions;
            _next.AddRange(span.Cache.Blocks[..Math.Min(span.Cache.BlockCount, (span.Past + span.RowCount + size - 1) / size)]);
        }
    }

    private void Store(TorchDevice device, TorchKvPool pool, ReadOnlySpan<AttentionSpan> spans)
    {
        var rows = new List<int>();
        var slots = new List<long>();
        int size = pool.BlockPositions;
        foreach (ref readonly AttentionSpan span in spans)
        {
            if (!ReferenceEquals(span.Cache.Pool, pool))
                continue;
            for (int row = 0; row < span.RowCount; row++)
            {
                int position = span.Past + row;
                rows.Add(span.FirstRow + row);
                slots.Add((long)span.Cache.Block(position / size) * pool.Heads * size + position % size);
            }
        }

        if (rows.Count > 0)
            _stores.Add(new StoredRows(pool, RowSet.Of(device, rows), device.HeadSlots(slots, pool.Heads, size)));
    }

    private void Attend(TorchDevice device, TorchKvPool pool, ReadOnlySpan<AttentionSpan> spans)
    {
        // Single rows over contexts of about the same length go together; a prompt's rows by themselves.
        var single = new SortedDictionary<int, List<(AttentionSpan Span, int Row, int Count)>>();
        foreach (ref readonly AttentionSpan span in spans)
        {
            if (!ReferenceEquals(span.Cache.Pool, pool))
                continue;
            if (span.RowCount == 1)
            {
                int tiles = (int)BitOperations.RoundUpToPowerOf2((uint)Tiles(span, 0, 1));
                if (!single.TryGetValue(tiles, out var group))
                    single.Add(tiles, group = []);
                group.Add((span, 0, 1));
                continue;
            }
            for (int row = 0; row < span.RowCount; row += PromptRows)
            {
                int count = Math.Min(PromptRows, span.RowCount - row);
                _reads.Add(Group(device, pool, [(span, row, count)], Tiles(span, row, count)));
            }
        }
        foreach ((int tiles, var group) in single)
            _reads.Add(Group(device, pool, group, tiles));
    }

    private static AttendingRows Group(TorchDevice device, TorchKvPool pool, List<(AttentionSpan Span, int Row, int Count)> items, int tiles)
    {
        int blocks = tiles * TilePositions / pool.BlockPositions;
        var rows = new List<int>();
        var table = new List<long>();
        var visible = new List<long>();
        foreach ((AttentionSpan span, int first, int count) in items)
        {
            for (int row = first; row < first + count; row++)
            {
                rows.Add(span.FirstRow + row);
                visible.Add(Visible(span, row));
            }
            // Past the sequence's last block any block does: its positions are hidden.
            for (int i = 0; i < blocks; i++)
                table.Add(i < span.Cache.BlockCount ? span.Cache.Block(i) : 0);
        }

        return new AttendingRows(
            pool, items.Count, items[0].Count, tiles, RowSet.Of(device, rows), device.HeadBlocks(table, items.Count, pool.Heads),
            device.Hidden(visible, items.Count, tiles * TilePositions));
    }

    /// <summary>Whole tiles that hold all positions which these rows see.</summary>
    private static int Tiles(in AttentionSpan span, int first, int count) => (Visible(span, first + count - 1) - 1) / TilePositions + 1;

    private static int Visible(in AttentionSpan span, int row) => Math.Min(Math.Max(span.Past + row + 1, span.VisiblePrefix), span.Past + span.RowCount);
}

/// <summary>Rows of a matrix: neighbours from a first one on, or by index.</summary>
/// <param name="First">The first row, where they are neighbours.</param>
/// <param name="Count">How many.</param>
/// <param name="Index">Where they are not, [count].</param>
internal sealed record RowSet(int First, int Count, torch.Tensor? Index) : IDisposable
{
    public static RowSet Of(TorchDevice device, List<int> rows)
    {
        for (int i = 1; i < rows.Count; i++)
        {
            if (rows[i] != rows[0] + i)
                return new RowSet(0, rows.Count, device.Indices(CollectionsMarshal.AsSpan(rows)).DetachFromDisposeScope());
        }

        return new RowSet(rows[0], rows.Count, null);
    }

    public void Dispose() => Index?.Dispose();
}

/// <summary>Rows whose keys and values are stored.</summary>
/// <param name="Pool">Where.</param>
/// <param name="Rows">Which.</param>
/// <param name="Slots">[rows · heads] places among the positions of all heads of all blocks.</param>
internal sealed record StoredRows(TorchKvPool Pool, RowSet Rows, torch.Tensor Slots) : IDisposable
{
    public void Dispose()
    {
        Rows.Dispose();
        Slots.Dispose();
    }
}

/// <summary>Rows that attend in one go: as many for each item, an item being (a part of) a span.</summary>
/// <param name="Pool">Where the keys and values are.</param>
/// <param name="Items">How many parts.</param>
/// <param name="RowsEach">Rows of each.</param>
/// <param name="Tiles">Tiles of positions that are read for each.</param>
/// <param name="Rows">The rows, item by item.</param>
/// <param name="Table">[items · heads · blocks] places among the heads of all blocks.</param>
/// <param name="Hidden">[items, 1, rows, 1, positions], true where a row must not see a position.</param>
internal sealed record AttendingRows(
    TorchKvPool Pool, int Items, int RowsEach, int Tiles, RowSet Rows, torch.Tensor Table, torch.Tensor Hidden) : IDisposable
{
    public void Dispose()
    {
        Rows.Dispose();
        Table.Dispose();
        Hidden.Dispose();
    }
}
