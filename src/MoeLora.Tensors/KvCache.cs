namespace MoeLora.Tensors;

/// <summary>
/// Keys and values of one sequence for all layers: a table of blocks of a <see cref="KvPool"/>. Position p is in block p / BlockPositions of the table.
/// Values are only ever appended or overwritten from a position on, and only into blocks that no other holds: <see cref="TryReserve(int, int)"/> sees to both.
/// </summary>
public sealed class KvCache : IDisposable
{
    private const int FewestBlocks = 16; // so that a sequence of usual length never grows its table

    private readonly int _limit;
    private int[] _blocks = []; // pinned once it holds a block: kernels read it by address
    private bool _disposed;

    internal KvCache(KvPool pool, ReadOnlySpan<int> blocks, int limit)
    {
        Pool = pool;
        _limit = limit;
        pool.CacheMade();
        Grow(blocks.Length);
        foreach (int block in blocks)
        {
            pool.Retain(block);
            _blocks[BlockCount++] = block;
        }
    }

    /// <summary>Where the blocks are from.</summary>
    public KvPool Pool { get; }

    /// <summary>Layers held.</summary>
    public int Layers => Pool.Layers;

    /// <summary>Key/value heads per layer.</summary>
    public int Heads => Pool.Heads;

    /// <summary>Elements of one head.</summary>
    public int HeadDim => Pool.HeadDim;

    /// <summary>Blocks held.</summary>
    public int BlockCount { get; private set; }

    /// <summary>Positions that the blocks hold now; of a cache made by <see cref="Device.CreateKvCache"/>, those that were asked for.</summary>
    public int Capacity => (int)Math.Min((long)BlockCount * Pool.BlockPositions, _limit);

    /// <summary>Bytes of the blocks held; one that several caches share counts in each.</summary>
    public long ResidentBytes => BlockCount * Pool.BlockBytes;

    /// <summary>The blocks held, in order of the positions.</summary>
    public ReadOnlySpan<int> Blocks => _blocks.AsSpan(0, BlockCount);

    /// <summary>As <see cref="Blocks"/>, an array that does not move.</summary>
    internal int[] Table => _blocks;

    /// <summary>The block that holds positions <paramref name="index"/> · BlockPositions and following.</summary>
    public int Block(int index) => Blocks[index];

    /// <summary>Makes room for <paramref name="positions"/> positions in all. False, and nothing is taken, when the pool has too few free blocks.</summary>
    /// <remarks>The new blocks can be written. Those held before may be shared: see <see cref="TryReserve(int, int)"/>.</remarks>
    public bool TryReserve(int positions) => TryReserve(Math.Min(Capacity, positions), positions);

    /// <summary>
    /// Makes positions <paramref name="from"/> … <paramref name="to"/> − 1 ready to be written: takes the blocks that are missing, and replaces each that another
    /// holds, too, by one of its own, with a copy of what is before <paramref name="from"/>. What this cache held from <paramref name="from"/> on is lost.
    /// False, and nothing changes, when the pool has fewer free blocks than <see cref="NeededBlocks"/>.
    /// </summary>
    public bool TryReserve(int from, int to)
    {
        int needed = NeededBlocks(from, to);
        if (needed > Pool.FreeBlocks || to > _limit)
            return false;
        if (needed == 0)
            return true;
        int size = Pool.BlockPositions;
        for (int i = from / size; i < BlockCount && (long)i * size < to; i++)
        {
            if (Pool.References(_blocks[i]) == 1)
                continue;
            int own = Pool.Take();
            if (i * size < from)
                Pool.CopyBlock(_blocks[i], own);
            Pool.Release(_blocks[i]);
            _blocks[i] = own;
        }
        int count = Count(to);
        Grow(count);
        while (BlockCount < count)
            _blocks[BlockCount++] = Pool.Take();
        return true;
    }

    /// <summary>Free blocks that <see cref="TryReserve(int, int)"/> would take.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="from"/> is negative, or more than <paramref name="to"/>.</exception>
    public int NeededBlocks(int from, int to)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(to, from);
        return SharedBlocks(from, to) + Math.Max(0, Count(to) - BlockCount);
    }

    /// <summary>Whether positions <paramref name="from"/> … <paramref name="to"/> − 1 fit the blocks held, and no other holds the blocks that they are in.</summary>
    public bool IsWritable(int from, int to) => from >= 0 && from <= to && to <= Capacity && SharedBlocks(from, to) == 0;

    /// <summary>
    /// A cache with the same first <paramref name="positions"/> positions. It shares their blocks, the last one even when it is covered partly: whoever writes into
    /// a shared block next reserves a copy. Takes no block.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">This cache does not hold so many.</exception>
    public KvCache Fork(int positions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, Capacity);
        return new KvCache(Pool, Blocks[..Count(positions)], _limit);
    }

    /// <summary>Gives the blocks back.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (int block in Blocks)
            Pool.Release(block);
        BlockCount = 0;
        Pool.CacheDisposed();
    }

    /// <summary>Blocks that hold so many positions.</summary>
    private int Count(int positions) => positions == 0 ? 0 : (positions - 1) / Pool.BlockPositions + 1;

    /// <summary>How many of the blocks with positions <paramref name="from"/> … <paramref name="to"/> − 1 another holds, too.</summary>
    private int SharedBlocks(int from, int to)
    {
        int shared = 0, end = from == to ? 0 : Math.Min(BlockCount, Count(to));
        for (int i = from / Pool.BlockPositions; i < end; i++)
        {
            if (Pool.References(_blocks[i]) > 1)
                shared++;
        }
        return shared;
    }

    private void Grow(int count)
    {
        if (count <= _blocks.Length)
            return;
        int[] grown = GC.AllocateUninitializedArray<int>(Math.Max(Math.Max(count, FewestBlocks), 2 * _blocks.Length), pinned: true);
        Blocks.CopyTo(grown);
        _blocks = grown;
    }
}
