namespace MoeLora.Tensors;

/// <summary>
/// Memory for the keys and values of many sequences, on a device: blocks of <see cref="BlockPositions"/> positions, each with all layers and heads.
/// A block is held by references, of caches and of whoever calls <see cref="Retain"/>, and is free again when the last one is gone.
/// </summary>
/// <remarks>
/// Used by the thread that drives the device; only <see cref="FreeBlocks"/> may be read from any. What a freed block held stays in memory
/// until it is written again; attention never reads a position that its cache did not store.
/// </remarks>
public abstract class KvPool : IDisposable
{
    /// <summary>Positions in a block where nothing else is asked for: the smallest block that attention reads at full speed.</summary>
    public const int DefaultBlockPositions = 32;

    private readonly int[] _references; // of each block
    private readonly int[] _free;       // a stack; the first _freeCount are free
    private int _freeCount;
    private int _caches;
    private bool _isPrivate;            // made for one cache, and freed with the last of that cache and its forks

    /// <summary>Describes a pool, all of whose blocks are free.</summary>
    protected KvPool(Device device, int layers, int heads, int headDim, int blockPositions, int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockPositions);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        Device = device;
        Layers = layers;
        Heads = heads;
        HeadDim = headDim;
        BlockPositions = blockPositions;
        Blocks = blocks;
        _references = new int[blocks];
        _free = new int[blocks];
        for (int i = 0; i < blocks; i++)
            _free[i] = blocks - 1 - i; // in ascending order, as long as none comes back
        _freeCount = blocks;
    }

    /// <summary>Where the memory is.</summary>
    public Device Device { get; }

    /// <summary>Layers held.</summary>
    public int Layers { get; }

    /// <summary>Key/value heads per layer.</summary>
    public int Heads { get; }

    /// <summary>Elements of one head.</summary>
    public int HeadDim { get; }

    /// <summary>Positions in a block.</summary>
    public int BlockPositions { get; }

    /// <summary>Blocks in all, numbered from 0.</summary>
    public int Blocks { get; }

    /// <summary>Blocks that nobody holds. Safe from any thread.</summary>
    public int FreeBlocks => Volatile.Read(ref _freeCount);

    /// <summary>Bytes of a block.</summary>
    public abstract long BlockBytes { get; }

    /// <summary>Bytes held on the device, free blocks included.</summary>
    public long ResidentBytes => BlockBytes * Blocks;

    /// <summary>An empty cache, which holds no block.</summary>
    public KvCache CreateCache() => CreateCache([]);

    /// <summary>
    /// A cache whose first blocks are <paramref name="blocks"/>: what they hold is positions 0 … blocks.Length · <see cref="BlockPositions"/> − 1. It takes
    /// a reference of its own to each, so the caller keeps his.
    /// </summary>
    /// <exception cref="ArgumentException">Nobody holds one of the blocks, so nothing says what is in it.</exception>
    public KvCache CreateCache(ReadOnlySpan<int> blocks)
    {
        foreach (int block in blocks)
        {
            if ((uint)block >= (uint)Blocks || _references[block] == 0)
                throw new ArgumentException($"Block {block} is not one of {Blocks} blocks that somebody holds.", nameof(blocks));
        }
        return new KvCache(this, blocks, int.MaxValue);
    }

    /// <summary>References to a block; 0 when it is free.</summary>
    public int References(int block) => _references[block];

    /// <summary>Adds a reference to a block that somebody holds, so that it outlives the cache that filled it. Each needs one <see cref="Release"/>.</summary>
    /// <exception cref="InvalidOperationException">The block is free.</exception>
    public void Retain(int block)
    {
        if (_references[block] == 0)
            throw new InvalidOperationException($"Block {block} is free; only a block that somebody holds can be retained.");
        _references[block]++;
    }

    /// <summary>Takes a reference back. With the last one the block is free.</summary>
    /// <exception cref="InvalidOperationException">The block is free already.</exception>
    public void Release(int block)
    {
        if (_references[block] == 0)
            throw new InvalidOperationException($"Block {block} is free already; it was released more often than retained.");
        if (--_references[block] > 0)
            return;
        _free[_freeCount] = block;
        Volatile.Write(ref _freeCount, _freeCount + 1);
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Copies all that block <paramref name="from"/> holds to block <paramref name="to"/>.</summary>
    protected internal abstract void CopyBlock(int from, int to);

    /// <summary>A free block with one reference. There must be one.</summary>
    internal int Take()
    {
        int block = _free[_freeCount - 1];
        Volatile.Write(ref _freeCount, _freeCount - 1);
        _references[block] = 1;
        return block;
    }

    /// <summary>A cache that holds all blocks, and goes as far as <paramref name="capacity"/> positions. The pool is freed with it and its forks.</summary>
    internal KvCache CreateOnlyCache(int capacity)
    {
        _isPrivate = true;
        var cache = new KvCache(this, [], capacity);
        cache.TryReserve(capacity);
        return cache;
    }

    internal void CacheMade() => _caches++;

    internal void CacheDisposed()
    {
        if (--_caches == 0 && _isPrivate)
            Dispose();
    }
}
