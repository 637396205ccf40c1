namespace MoeLora.Tensors.Tests.Conformance;

public abstract partial class DeviceConformance
{
    // Values in [−1, 1] are averaged; the weights are right to about |score| · 2⁻²⁴ with scores up to some ten.
    private const double AttentionTolerance = 3e-6;

    /// <summary>Head dimension, query heads, key/value heads.</summary>
    private static readonly (int Dim, int Heads, int KvHeads)[] HeadShapes =
        [(1, 1, 1), (5, 3, 1), (8, 4, 2), (16, 2, 2), (31, 6, 2), (64, 14, 2), (80, 2, 1), (128, 3, 3)];

    [Fact]
    public void Attention_OneRowOverContextsOfAllLengths_Agrees()
    {
        foreach ((int dim, int heads, int kvHeads) in HeadShapes)
        {
            foreach (int past in new[] { 0, 1, 7, 14, 15, 16, 30, 31, 32, 63, 127, 128, 129, 300, 511 })
                AgreeOnAttention(dim, heads, kvHeads, [(past, 1, 0)]);
        }
    }

    [Fact]
    public void Attention_PromptsOfAllLengths_Agrees()
    {
        foreach ((int dim, int heads, int kvHeads) in HeadShapes)
        {
            foreach (int rows in new[] { 2, 3, 4, 5, 16, 17, 33, 130 })
                AgreeOnAttention(dim, heads, kvHeads, [(0, rows, 0)]);
            AgreeOnAttention(dim, heads, kvHeads, [(125, 9, 0)]);
        }
    }

    [Fact]
    public void Attention_PrefixSeenInBothDirections_Agrees()
    {
        foreach (int prefix in new[] { 1, 5, 19, 20, 100 })
        {
            AgreeOnAttention(16, 4, 4, [(0, 20, prefix)]);
            AgreeOnAttention(16, 4, 4, [(30, 1, prefix)]);
        }
        AgreeOnAttention(16, 4, 4, [(0, 150, 149)]);
    }

    [Fact]
    public void Attention_SpansOfDifferentSequences_Agrees()
        => AgreeOnAttention(64, 4, 2, [(100, 1, 0), (0, 37, 0), (200, 1, 0), (3, 5, 6), (0, 1, 0)]);

    [Fact]
    public void Attention_LargeScores_DoNotOverflow()
        // Scores up to 64 · 30² · scale, in steps that the rounding of a score of thousands (2⁻¹¹) blurs: softmax is one-hot nearly everywhere.
        => AgreeOnAttention(64, 2, 1, [(200, 2, 0)], magnitude: 30, tolerance: 0.05);

    [Fact]
    public void Attention_Row_IsBitEqualHoweverThePromptIsCut()
    {
        const int dim = 24, heads = 6, kvHeads = 2, total = 290;
        float[] whole = Step([total]);
        foreach (int[] cut in new int[][] { [289, 1], [1, 288, 1], [100, 60, 129, 1], [257, 3, 29, 1] })
            BitEqual(whole, Step(cut), $"a prompt cut into {string.Join('+', cut)}");

        // The last row's result.
        float[] Step(int[] cut)
        {
            using KvCache cache = Device.CreateKvCache(1, kvHeads, dim, total);
            using Tensor all = Matrix.Random(total, (heads + 2 * kvHeads) * dim, 2).Put(Device);
            int past = 0;
            Matrix result = Matrix.Random(1, 1);
            foreach (int rows in cut)
            {
                using Tensor part = Device.Allocate(DType.F32, rows, all.Columns), output = Device.Allocate(DType.F32, rows, heads * dim);
                Device.GatherRows(all, [.. Enumerable.Range(past, rows)], part);
                AttentionSpan[] spans = [new AttentionSpan { Cache = cache, FirstRow = 0, RowCount = rows, Past = past }];
                Device.StoreKv(new HeadView(part, heads * dim, dim, kvHeads, dim), new HeadView(part, (heads + kvHeads) * dim, dim, kvHeads, dim), 0, spans);
                Device.Attention(new HeadView(part, 0, dim, heads, dim), 0, spans, 0.3f, output);
                result = Matrix.Read(output);
                past += rows;
            }
            return result[result.Rows - 1].ToArray();
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Attention_WhatARowDoesNotSee_CannotReachIt(float poison)
    {
        const int dim = 16;
        // Every position after the third row's holds poison, in the same key block.
        foreach (int rows in new[] { 4, 9, 40 })
        {
            Matrix values = Matrix.Random(rows, 3 * dim);
            for (int row = 3; row < rows; row++)
                values[row].Fill(poison);
            Agree($"attention with {poison} in later rows of {rows}", 0, AttentionTolerance, device =>
            {
                using KvCache cache = device.CreateKvCache(1, 1, dim, rows);
                using Tensor tensor = values.Put(device), output = device.Allocate(DType.F32, rows, dim);
                AttentionSpan[] spans = [new AttentionSpan { Cache = cache, RowCount = rows }];
                device.StoreKv(new HeadView(tensor, dim, dim, 1, dim), new HeadView(tensor, 2 * dim, dim, 1, dim), 0, spans);
                device.Attention(new HeadView(tensor, 0, dim, 1, dim), 0, spans, 1, output);
                Matrix result = Matrix.Read(output);
                Assert.All(result[2].ToArray(), value => Assert.True(float.IsFinite(value)));
                Assert.All(result[rows - 1].ToArray(), value => Assert.True(float.IsNaN(value)));
                return result;
            });
        }
    }

    [Fact]
    public void Attention_CacheOverwritten_SeesTheNewValuesOnly()
    {
        const int dim = 8;
        Agree("a sequence that was cut back", 0, AttentionTolerance, device =>
        {
            using KvCache cache = device.CreateKvCache(2, 1, dim, 64);
            using Tensor poison = new Matrix(64, dim, [.. Enumerable.Repeat(float.NaN, 64 * dim)]).Put(device);
            using Tensor rows = Matrix.Random(40, dim, 2).Put(device), output = device.Allocate(DType.F32, 40, dim);
            var heads = new HeadView(rows, 0, dim, 1, dim);
            var poisonHeads = new HeadView(poison, 0, dim, 1, dim);
            device.StoreKv(poisonHeads, poisonHeads, 1, [new AttentionSpan { Cache = cache, RowCount = 64 }]);
            AttentionSpan[] spans = [new AttentionSpan { Cache = cache, RowCount = 40 }];
            device.StoreKv(heads, heads, 1, spans);
            device.Attention(heads, 1, spans, 1, output);
            return Matrix.Read(output);
        });
    }

    private void AgreeOnAttention(
        int dim, int heads, int kvHeads, (int Past, int Rows, int Prefix)[] shapes, float magnitude = 1, double tolerance = AttentionTolerance)
    {
        string what = $"attention {dim}x{heads}/{kvHeads}, spans {string.Join(' ', shapes)}";
        Agree(what, 0, tolerance, device =>
        {
            int rows = shapes.Sum(shape => shape.Rows) + 1;
            const int layers = 2, layer = 1, offset = 3;
            int width = offset + (heads + 2 * kvHeads) * dim;
            using Tensor step = Matrix.Random(rows, width, magnitude, seed: 1).Put(device), output = device.Allocate(DType.F32, rows, heads * dim);
            var caches = new List<KvCache>();
            var spans = new List<AttentionSpan>();
            int first = 1; // row 0 belongs to nobody
            foreach ((int past, int count, int prefix) in shapes)
            {
                KvCache cache = device.CreateKvCache(layers, kvHeads, dim, past + count);
                caches.Add(cache);
                if (past > 0)
                {
                    using Tensor before = Matrix.Random(past, 2 * kvHeads * dim, magnitude, seed: 2).Put(device);
                    device.StoreKv(
                        new HeadView(before, 0, dim, kvHeads, dim), new HeadView(before, kvHeads * dim, dim, kvHeads, dim), layer,
                        [new AttentionSpan { Cache = cache, RowCount = past }]);
                }
                spans.Add(new AttentionSpan { Cache = cache, FirstRow = first, RowCount = count, Past = past, VisiblePrefix = prefix });
                first += count;
            }
            // Each key beside its value, as interleaved layouts have them.
            device.StoreKv(
                new HeadView(step, offset + heads * dim, 2 * dim, kvHeads, dim), new HeadView(step, offset + heads * dim + dim, 2 * dim, kvHeads, dim),
                layer, spans.ToArray());
            device.Attention(new HeadView(step, offset, dim, heads, dim), layer, spans.ToArray(), 1 / MathF.Sqrt(dim), output);
            caches.ForEach(cache => cache.Dispose());
            return Matrix.Read(output);
        });
    }
}
