namespace MoeLora.Tensors.Tests.Conformance;

// Where the blocks of a cache are, who else holds them, and what was in them before must not be seen.
public abstract partial class DeviceConformance
{
    private const int PagedDim = 24, PagedHeads = 6, PagedKvHeads = 2, PagedLayers = 2;

    public static TheoryData<int, bool> BlockTables => new() { { 32, false }, { 32, true }, { 64, true }, { 128, false }, { 128, true } };

    [Theory]
    [MemberData(nameof(BlockTables))]
    public void Attention_BlocksOfAnySizeInAnyOrder_AreBitEqualToOneCache(int blockPositions, bool shuffled)
    {
        foreach ((int past, int rows, int prefix) in new[] { (0, 1, 0), (31, 1, 0), (32, 1, 0), (300, 1, 0), (511, 1, 0), (20, 50, 0), (0, 290, 0), (0, 150, 149), (125, 9, 140) })
        {
            Matrix alone = Run(Device.CreateKvCache(PagedLayers, PagedKvHeads, PagedDim, past + rows));
            using KvPool pool = Device.CreateKvPool(PagedLayers, PagedKvHeads, PagedDim, blockPositions, 20);
            if (shuffled)
                Shuffle(pool, seed: past + rows);
            KvCache cache = pool.CreateCache();
            Assert.True(cache.TryReserve(past + rows));

            BitEqual(alone.Values, Run(cache).Values, $"{past} + {rows} positions in blocks of {blockPositions}");

            Matrix Run(KvCache owned)
            {
                using (owned)
                {
                    Fill(owned, 0, past, seed: 1);
                    return Attend(owned, past, rows, seed: 2, prefix);
                }
            }
        }
        CaseDone();
    }

    [Fact]
    public void Attention_ManyRowsOfManySequencesInOnePool_Agrees()
        => Agree("sequences that take blocks in turns", 0, AttentionTolerance, device =>
        {
            using KvPool pool = device.CreateKvPool(PagedLayers, PagedKvHeads, PagedDim, 32, 40);
            KvCache[] caches = [pool.CreateCache(), pool.CreateCache(), pool.CreateCache()];
            for (int past = 0; past < 300; past += 30)
            {
                for (int i = 0; i < caches.Length; i++)
                {
                    Assert.True(caches[i].TryReserve(past, past + 30));
                    Fill(caches[i], past, 30, seed: i + past);
                }
            }
            int[] lengths = [300, 129, 64];
            using Tensor step = Rows(device, lengths.Length, seed: 5), output = device.Allocate(DType.F32, lengths.Length, PagedHeads * PagedDim);
            AttentionSpan[] spans = [.. lengths.Select((length, i) => new AttentionSpan { Cache = caches[i], FirstRow = i, RowCount = 1, Past = length - 1 })];
            device.Attention(Queries(step), 1, spans, 0.2f, output);
            return Matrix.Read(output);
        });

    [Theory]
    [InlineData(32, 100)]
    [InlineData(32, 96)]
    [InlineData(64, 1)]
    [InlineData(128, 200)]
    public void Attention_ForksThatGoOnApart_AreBitEqualToSequencesAlone(int blockPositions, int shared)
    {
        const int more = 70;
        using KvPool pool = Device.CreateKvPool(PagedLayers, PagedKvHeads, PagedDim, blockPositions, 32);
        using KvCache first = pool.CreateCache();
        Assert.True(first.TryReserve(shared));
        Fill(first, 0, shared, seed: 1);
        using KvCache second = first.Fork(shared), third = first.Fork(shared - 1);
        (KvCache Cache, int Past, int Seed)[] forks = [(first, shared, 2), (second, shared, 3), (third, shared - 1, 4)];
        foreach ((KvCache cache, int past, int seed) in forks)
        {
            Assert.True(cache.TryReserve(past, past + more));
            Fill(cache, past, more, seed);
        }
        foreach ((KvCache cache, int past, int seed) in forks)
        {
            using KvCache alone = Device.CreateKvCache(PagedLayers, PagedKvHeads, PagedDim, past + more);
            Fill(alone, 0, shared, seed: 1, rows: past);
            Fill(alone, past, more, seed);
            BitEqual(Attend(alone, past + more - 1, 1).Values, Attend(cache, past + more - 1, 1).Values, $"a fork at {past}");
        }
        CaseDone();
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Attention_FreedBlocksFullOfPoison_CannotReachTheNextSequence(float poison)
    {
        foreach (int blockPositions in new[] { 32, 128 })
        {
            using KvPool pool = Device.CreateKvPool(PagedLayers, PagedKvHeads, PagedDim, blockPositions, 2 * 128 / blockPositions);
            foreach (int length in new[] { 1, 7, 31, 33, 63, 65, 100, 127, 130 })
            {
                using (KvCache poisoned = pool.CreateCache())
                {
                    int all = pool.Blocks * blockPositions;
                    Assert.True(poisoned.TryReserve(all));
                    Matrix values = new(all, 2 * PagedKvHeads * PagedDim, [.. Enumerable.Repeat(poison, all * 2 * PagedKvHeads * PagedDim)]);
                    using Tensor rows = values.Put(Device);
                    for (int layer = 0; layer < PagedLayers; layer++)
                        Device.StoreKv(Keys(rows, 0), Values(rows, 0), layer, [new AttentionSpan { Cache = poisoned, RowCount = all }]);
                }
                using KvCache cache = pool.CreateCache(), clean = Device.CreateKvCache(PagedLayers, PagedKvHeads, PagedDim, length);
                Assert.True(cache.TryReserve(length));
                Matrix expected = Attend(clean, 0, length, seed: 3), actual = Attend(cache, 0, length, seed: 3);

                Assert.All(actual.Values, value => Assert.True(float.IsFinite(value)));
                BitEqual(expected.Values, actual.Values, $"{length} positions in blocks that held {poison}");
            }
        }
        CaseDone();
    }

    [Fact]
    public void StoreKv_BlockThatAnotherHolds_IsRefusedUntilReserved()
    {
        using KvPool pool = Device.CreateKvPool(PagedLayers, PagedKvHeads, PagedDim, 32, 4);
        using KvCache cache = pool.CreateCache();
        Assert.True(cache.TryReserve(40));
        Fill(cache, 0, 40, seed: 1);
        using KvCache fork = cache.Fork(40);

        var error = Assert.Throws<ArgumentException>(() => Fill(fork, 40, 1, seed: 2));
        Assert.Contains("reserve", error.Message);
        Assert.True(fork.TryReserve(40, 41));
        Fill(fork, 40, 1, seed: 2);
        CaseDone();
    }

    [Fact]
    public void KvBytesPerPosition_TimesPositions_IsTheSizeOfABlock()
    {
        foreach (int blockPositions in new[] { 32, 64, 128 })
        {
            using KvPool pool = Device.CreateKvPool(3, 2, 80, blockPositions, 2);
            Assert.Equal(pool.BlockBytes, blockPositions * Device.KvBytesPerPosition(3, 2, 80));
            Assert.Equal(2 * pool.BlockBytes, pool.ResidentBytes);
        }
        CaseDone();
    }

    private static Tensor Rows(Device device, int rows, int seed) => Matrix.Random(rows, (PagedHeads + 2 * PagedKvHeads) * PagedDim, 1, seed).Put(device);

    private static HeadView Queries(Tensor rows) => new(rows, 0, PagedDim, PagedHeads, PagedDim);

    private static HeadView Keys(Tensor rows, int offset = PagedHeads * PagedDim) => new(rows, offset, PagedDim, PagedKvHeads, PagedDim);

    private static HeadView Values(Tensor rows, int offset = PagedHeads * PagedDim) => new(rows, offset + PagedKvHeads * PagedDim, PagedDim, PagedKvHeads, PagedDim);

    /// <summary>Stores <paramref name="count"/> seeded positions in all layers; or the first <paramref name="rows"/> of them.</summary>
    private static void Fill(KvCache cache, int past, int count, int seed, int? rows = null)
    {
        if ((rows ?? count) == 0)
            return;
        Device device = cache.Pool.Device;
        using Tensor step = Rows(device, count, seed);
        for (int layer = 0; layer < PagedLayers; layer++)
            device.StoreKv(Keys(step), Values(step), layer, [new AttentionSpan { Cache = cache, RowCount = rows ?? count, Past = past }]);
    }

    /// <summary>Stores and attends to seeded rows; the results of both layers.</summary>
    private static Matrix Attend(KvCache cache, int past, int rows, int seed = 7, int prefix = 0)
    {
        Device device = cache.Pool.Device;
        using Tensor step = Rows(device, rows, seed), output = device.Allocate(DType.F32, rows, PagedHeads * PagedDim);
        AttentionSpan[] spans = [new AttentionSpan { Cache = cache, RowCount = rows, Past = past, VisiblePrefix = prefix }];
        var results = new List<float>();
        for (int layer = 0; layer < PagedLayers; layer++)
        {
            device.StoreKv(Keys(step), Values(step), layer, spans);
            device.Attention(Queries(step), layer, spans, 0.2f, output);
            results.AddRange(Matrix.Read(output).Values);
        }
        return new Matrix(PagedLayers * rows, PagedHeads * PagedDim, [.. results]);
    }

    /// <summary>Takes all blocks and gives them back in another order, so that the next caches' tables are out of order.</summary>
    private static void Shuffle(KvPool pool, int seed)
    {
        var caches = new KvCache[pool.Blocks];
        for (int i = 0; i < caches.Length; i++)
        {
            caches[i] = pool.CreateCache();
            caches[i].TryReserve(1);
        }
        new Random(seed).Shuffle(caches);
        foreach (KvCache cache in caches)
            cache.Dispose();
    }
}
