using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;

namespace MoeLora.Tensors.Tests;

public sealed class KvPoolTests : IDisposable
{
    private const int BlockPositions = 32;
    private readonly ReferenceDevice _device = new();
    private readonly KvPool _pool;

    public KvPoolTests() => _pool = _device.CreateKvPool(1, 1, 2, BlockPositions, 4);

    public void Dispose()
    {
        _pool.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void CreateCache_New_HoldsNothing()
    {
        using KvCache cache = _pool.CreateCache();
        Assert.Equal((0, 0, 0L, 4), (cache.BlockCount, cache.Capacity, cache.ResidentBytes, _pool.FreeBlocks));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(32, 1)]
    [InlineData(33, 2)]
    [InlineData(128, 4)]
    public void TryReserve_Positions_TakesTheBlocksThatHoldThem(int positions, int blocks)
    {
        using KvCache cache = _pool.CreateCache();
        Assert.True(cache.TryReserve(positions));
        Assert.Equal((blocks, blocks * BlockPositions, 4 - blocks), (cache.BlockCount, cache.Capacity, _pool.FreeBlocks));
        Assert.Equal(blocks * _pool.BlockBytes, cache.ResidentBytes);
    }

    [Fact]
    public void TryReserve_LessThanHeld_TakesNothing()
    {
        using KvCache cache = _pool.CreateCache();
        cache.TryReserve(64);
        Assert.True(cache.TryReserve(10));
        Assert.Equal(2, cache.BlockCount);
    }

    [Fact]
    public void TryReserve_MoreThanFree_TakesNothing()
    {
        using KvCache other = _pool.CreateCache(), cache = _pool.CreateCache();
        other.TryReserve(64);
        cache.TryReserve(32);
        int[] before = [.. cache.Blocks];

        Assert.False(cache.TryReserve(97));
        Assert.Equal(before, cache.Blocks.ToArray());
        Assert.Equal(1, _pool.FreeBlocks);
        Assert.True(cache.TryReserve(64));
    }

    [Fact]
    public void TryReserve_CopyAndGrowthWithOneBlockForBoth_TakesNothing()
    {
        using KvCache cache = _pool.CreateCache(), other = _pool.CreateCache();
        cache.TryReserve(40);
        other.TryReserve(32);
        using KvCache fork = cache.Fork(40);
        int[] before = [.. fork.Blocks];

        Assert.Equal(2, fork.NeededBlocks(40, 65));
        Assert.False(fork.TryReserve(40, 65));
        Assert.Equal(before, fork.Blocks.ToArray());
        Assert.Equal(1, _pool.FreeBlocks);
        Assert.True(fork.TryReserve(40, 64));
        Assert.Equal((before[0], 0), (fork.Block(0), _pool.FreeBlocks));
        Assert.NotEqual(before[1], fork.Block(1));
        Assert.True(cache.TryReserve(40, 64)); // nobody shares its last block any more
    }

    [Fact]
    public void Fork_Sharing_CountsEachHolder()
    {
        KvCache cache = _pool.CreateCache();
        cache.TryReserve(70);
        using KvCache fork = cache.Fork(33);

        Assert.Equal(cache.Blocks[..2].ToArray(), fork.Blocks.ToArray());
        Assert.Equal([2, 2, 1], cache.Blocks.ToArray().Select(_pool.References));
        Assert.True(cache.IsWritable(64, 96));
        Assert.False(cache.IsWritable(63, 96));
        cache.Dispose();
        Assert.Equal(2, _pool.FreeBlocks);
        Assert.True(fork.IsWritable(0, 64));
    }

    [Fact]
    public void Fork_MoreThanHeld_Refused()
    {
        using KvCache cache = _pool.CreateCache();
        cache.TryReserve(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Fork(33));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Fork(-1));
    }

    [Fact]
    public void Retain_Block_OutlivesItsCacheAndServesAnother()
    {
        int block;
        using (KvCache cache = _pool.CreateCache())
        {
            cache.TryReserve(40);
            block = cache.Block(0);
            _pool.Retain(block);
        }
        Assert.Equal(3, _pool.FreeBlocks);
        using (KvCache later = _pool.CreateCache([block]))
        {
            Assert.Equal((BlockPositions, 2), (later.Capacity, _pool.References(block)));
            Assert.True(later.TryReserve(32, 33));
            Assert.Equal(block, later.Block(0));
        }
        Assert.Equal(1, _pool.References(block));
        _pool.Release(block);
        Assert.Equal(4, _pool.FreeBlocks);
    }

    [Fact]
    public void Release_FreeBlock_Refused()
    {
        Assert.Throws<InvalidOperationException>(() => _pool.Release(0));
        Assert.Throws<InvalidOperationException>(() => _pool.Retain(0));
        Assert.Throws<ArgumentException>(() => _pool.CreateCache([0]));
        Assert.Throws<ArgumentException>(() => _pool.CreateCache([4]));
        Assert.Equal(4, _pool.FreeBlocks);
    }

    [Fact]
    public void Dispose_Twice_GivesBlocksBackOnce()
    {
        KvCache cache = _pool.CreateCache();
        cache.TryReserve(100);
        cache.Dispose();
        cache.Dispose();
        Assert.Equal((4, 0), (_pool.FreeBlocks, cache.Capacity));
        Assert.Throws<ObjectDisposedException>(() => cache.TryReserve(1));
        Assert.Throws<ObjectDisposedException>(() => cache.Fork(0));
    }

    [Fact]
    public void CreateKvCache_Capacity_IsExactAndItsPoolGoesWithTheLastFork()
    {
        KvCache cache = _device.CreateKvCache(1, 1, 2, 40), fork = cache.Fork(40);
        Assert.Equal((40, 2, 0), (cache.Capacity, cache.BlockCount, cache.Pool.FreeBlocks));
        Assert.False(cache.TryReserve(41));
        var pool = (CpuKvPool)cache.Pool;
        cache.Dispose();
        Touch();
        fork.Dispose();
        Assert.Throws<ObjectDisposedException>(Touch);

        unsafe void Touch() => pool.Head(0, 0);
    }

    [Fact]
    public void Cache_PoolDisposed_IsRefusedByStoreKv()
    {
        KvPool pool = _device.CreateKvPool(1, 1, 2, BlockPositions, 1);
        KvCache cache = pool.CreateCache();
        cache.TryReserve(1);
        pool.Dispose();
        using Tensor rows = _device.Allocate(DType.F32, 1, 2);
        Assert.Throws<ObjectDisposedException>(() => _device.StoreKv(new HeadView(rows, 0, 2, 1, 2), new HeadView(rows, 0, 2, 1, 2), 0, [new AttentionSpan { Cache = cache, RowCount = 1 }]));
        cache.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(48)]
    [InlineData(256)]
    public void CreateKvPool_BlockSizeThatIsNone_Refused(int blockPositions)
        => Assert.Throws<ArgumentOutOfRangeException>(() => _device.CreateKvPool(1, 1, 2, blockPositions, 4));
}
