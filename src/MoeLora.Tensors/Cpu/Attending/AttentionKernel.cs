using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// Attention by blocks of 128 keys, counted from position 0. Each block gives every query a partial result of its own
/// (largest score, sum of exponentials, weighted sum of values), and partial results are merged in the order of the blocks.
/// So a query's result depends on its own position only, not on which rows or threads were beside it.
/// </summary>
/// <remarks>
/// A partial result of a block, or the running result, is one array: [MaxQueries] largest scores, [MaxQueries] sums,
/// [MaxQueries, ValueStride] weighted sums.
/// </remarks>
internal readonly unsafe struct AttentionKernel
{
    /// <summary>Keys in a block.</summary>
    public const int KeyBlock = 128;

    // Up to so many queries a block reads its values for the first time from main memory, in an order that the processor does not foresee.
    private const int PrefetchQueries = 2 * AttentionTiles.Rows;

    // By so many positions keys are touched before they are needed: worth 4 % of attention over 4,096 positions in blocks of 32.
    private const int KeysAhead = 128;

    /// <summary>Query heads in a row: start of the rows, floats between rows, floats between heads.</summary>
    public required float* Queries { get; init; }

    public required long QueryStride { get; init; }

    public required int QueryHeadStride { get; init; }

    public required float* Output { get; init; }

    public required long OutputStride { get; init; }

    public required int HeadDim { get; init; }

    public required int ValueStride { get; init; }

    public required float Scale { get; init; }

    /// <summary>Most queries of any group, rounded up to 16.</summary>
    public required int MaxQueries { get; init; }

    /// <summary>Floats of a partial result.</summary>
    public long ResultFloats => MaxQueries * (2L + ValueStride);

    /// <summary>Floats of working memory that a thread needs: queries, scores, one block's result, the running result.</summary>
    public long ScratchFloats => MaxQueries * ((long)HeadDim + KeyBlock) + 2 * ResultFloats;

    /// <summary>Computes a part; writes the output, or for a divided group the partial results of its blocks.</summary>
    public void Execute<L, V>(in AttentionGroup group, in AttentionPart part, float* partial, float* scratch)
        where L : struct, ILanes<V>
        where V : struct
    {
        float* queries = scratch;
        float* scores = queries + (long)MaxQueries * HeadDim;
        float* result = scores + (long)MaxQueries * KeyBlock;
        float* running = result + ResultFloats;

        Pack(group, queries);
        if (group.Parts > 1)
        {
            for (int block = part.FirstBlock; block < part.FirstBlock + part.BlockCount; block++)
                Block<L, V>(group, block, queries, scores, partial + block * ResultFloats);
            return;
        }
        Clear(group, running);
        for (int block = 0; block < part.BlockCount; block++)
        {
            Block<L, V>(group, block, queries, scores, result);
            Merge<L, V>(group, block, result, running);
        }
        Finish<L, V>(group, running);
    }

    /// <summary>Merges the partial results of a divided group and writes the output.</summary>
    public void Join<L, V>(in AttentionGroup group, float* partial, float* scratch)
        where L : struct, ILanes<V>
        where V : struct
    {
        Clear(group, scratch);
        for (int block = 0; block < group.Blocks; block++)
            Merge<L, V>(group, block, partial + block * ResultFloats, scratch);
        Finish<L, V>(group, scratch);
    }

    /// <summary>Scaled queries as tiles [headDim, 4], zeros in the last tile's free places.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Pack(in AttentionGroup group, float* packed)
    {
        for (int first = 0; first < group.Queries; first += AttentionTiles.Rows)
        {
            for (int lane = 0; lane < AttentionTiles.Rows; lane++)
            {
                float* tile = packed + (long)first * HeadDim + lane;
                if (first + lane >= group.Queries)
                {
                    for (int i = 0; i < HeadDim; i++)
                        tile[i * AttentionTiles.Rows] = 0;
                    continue;
                }
                (int row, int head) = Math.DivRem(first + lane, group.HeadsPerRow);
                float* query = Queries + (group.FirstRow + row) * QueryStride + (long)(group.FirstHead + head) * QueryHeadStride;
                for (int i = 0; i < HeadDim; i++)
                    tile[i * AttentionTiles.Rows] = query[i] * Scale;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Block<L, V>(in AttentionGroup group, int block, float* queries, float* scores, float* result)
        where L : struct, ILanes<V>
        where V : struct
    {
        int start = block * KeyBlock;
        int keys = Seen(group, group.Queries - 1, start);
        int panel = 2 * L.Width, step = Wide<L, V>() ? 2 * panel : panel;
        for (int key = 0; key < keys; key += step)
        {
            float* first = group.Panel(start + key, HeadDim), second = keys > key + panel ? group.Panel(start + key + panel, HeadDim) : null;
            if (Sse.IsSupported && group.Queries <= PrefetchQueries)
                Prefetch(group, start + key, start + Math.Min(keys, key + step), panel);
            for (int tile = 0; tile < group.Queries; tile += AttentionTiles.Rows)
            {
                int seen = Seen(group, tile + AttentionTiles.Rows - 1, start);
                float* tileScores = scores + tile * KeyBlock + key;
                if (Wide<L, V>() && seen > key + panel)
                    AttentionWideTiles.Scores<L, V>(queries + (long)tile * HeadDim, first, second, HeadDim, tileScores, KeyBlock);
                else if (seen > key)
                    AttentionTiles.Scores<L, V>(queries + (long)tile * HeadDim, first, HeadDim, tileScores, KeyBlock);
            }
        }

        for (int query = 0; query < group.Queries; query++)
            Exponentials<L, V>(scores + query * KeyBlock, Seen(group, query, start), result + query, result + MaxQueries + query);

        // The pool's blocks with the values of this key block: four at most.
        float** values = stackalloc float*[KeyBlock / 32];
        for (int key = 0, i = 0; key < keys; key += group.BlockPositions)
            values[i++] = group.Values(start + key, HeadDim, ValueStride);
        float* sums = result + 2 * MaxQueries;
        int columns;
        for (int column = 0; column < ValueStride; column += columns)
        {
            columns = Wide<L, V>() && ValueStride - column >= 4 * L.Width ? 4 * L.Width : 2 * L.Width;
            for (int tile = 0; tile < group.Queries; tile += AttentionTiles.Rows)
            {
                float* weights = scores + tile * KeyBlock;
                float* tileSums = sums + (long)tile * ValueStride + column;
                int common = Seen(group, tile, start);
                if (columns == 4 * L.Width)
                    AttentionWideTiles.WeightedSums<L, V>(weights, KeyBlock, values, column, group.BlockPositions, ValueStride, common, tileSums);
                else
                    AttentionTiles.WeightedSums<L, V>(weights, KeyBlock, values, column, group.BlockPositions, ValueStride, common, tileSums);
                // Later rows see more. What only some see is added row by row: a weight of zero would not hide a NaN.
                for (int lane = 1; lane < AttentionTiles.Rows && tile + lane < group.Queries; lane++)
                {
                    int seen = Seen(group, tile + lane, start), here;
                    for (int key = common; key < seen; key += here)
                    {
                        here = Math.Min(seen - key, group.BlockPositions - (key & (group.BlockPositions - 1)));
                        for (int part = 0; part < columns; part += 2 * L.Width)
                        {
                            AttentionTiles.ContinueSums<L, V>(
                                weights + lane * KeyBlock + key, group.Values(start + key, HeadDim, ValueStride) + column + part, ValueStride, here,
                                tileSums + (long)lane * ValueStride + part);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Tiles of four vectors need 32 registers: those of AVX-512.</summary>
    private static bool Wide<L, V>()
        where L : struct, ILanes<V>
        where V : struct
        => L.Width == Lanes512.Width;

    /// <summary>How many keys of the block that starts at <paramref name="start"/> a query sees; past the last query, what the last one sees.</summary>
    private static int Seen(in AttentionGroup group, int query, int start)
        => Math.Clamp(group.Visible(Math.Min(query, group.Queries - 1)) - start, 0, KeyBlock);

    /// <summary>Scores → e^(score − largest), with the largest and the sum.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Exponentials<L, V>(float* scores, int count, float* largest, float* sum)
        where L : struct, ILanes<V>
        where V : struct
    {
        // What fills up the last vector: no score is smaller, and its exponential is zero.
        for (int i = count; i % L.Width != 0; i++)
            scores[i] = float.NegativeInfinity;
        V max = L.Broadcast(float.NegativeInfinity);
        for (int i = 0; i < count; i += L.Width)
            max = L.Max(max, L.Load(scores + i));
        *largest = L.Largest(max);
        V origin = L.Broadcast(Finite(*largest));
        V total = L.Zero;
        for (int i = 0; i < count; i += L.Width)
        {
            V power = Exponential.Exp<L, V>(L.Sub(L.Load(scores + i), origin));
            L.Store(scores + i, power);
            total = L.Add(total, power);
        }
        *sum = L.Sum(total);
    }

    /// <summary>A block may hold nothing but −∞, while other blocks do not: its exponentials are zeros then, not NaN.</summary>
    private static float Finite(float largest) => float.IsNegativeInfinity(largest) ? 0 : largest;

    private void Clear(in AttentionGroup group, float* running)
    {
        new Span<float>(running, group.Queries).Fill(float.NegativeInfinity);
        new Span<float>(running + MaxQueries, group.Queries).Clear();
        new Span<float>(running + 2 * MaxQueries, group.Queries * ValueStride).Clear();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Merge<L, V>(in AttentionGroup group, int block, float* result, float* running)
        where L : struct, ILanes<V>
        where V : struct
    {
        for (int query = 0; query < group.Queries; query++)
        {
            if (Seen(group, query, block * KeyBlock) == 0)
                continue;
            float largest = MathF.Max(running[query], result[query]);
            float oldFactor = MathF.Exp(running[query] - Finite(largest));
            float newFactor = MathF.Exp(result[query] - Finite(largest));
            running[query] = largest;
            running[MaxQueries + query] = running[MaxQueries + query] * oldFactor + result[MaxQueries + query] * newFactor;

            V old = L.Broadcast(oldFactor), fresh = L.Broadcast(newFactor);
            long sums = 2 * MaxQueries + (long)query * ValueStride;
            for (long i = sums; i < sums + ValueStride; i += L.Width)
                L.Store(running + i, L.Fma(L.Load(running + i), old, L.Mul(L.Load(result + i), fresh)));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Finish<L, V>(in AttentionGroup group, float* running)
        where L : struct, ILanes<V>
        where V : struct
    {
        for (int query = 0; query < group.Queries; query++)
        {
            V total = L.Broadcast(running[MaxQueries + query]);
            float* sums = running + 2 * MaxQueries + (long)query * ValueStride;
            for (int i = 0; i < ValueStride; i += L.Width)
                L.Store(sums + i, L.Div(L.Load(sums + i), total));
            (int row, int head) = Math.DivRem(query, group.HeadsPerRow);
            float* output = Output + (group.FirstRow + row) * OutputStride + (long)(group.FirstHead + head) * HeadDim;
            new ReadOnlySpan<float>(sums, HeadDim).CopyTo(new Span<float>(output, HeadDim));
        }
    }

    /// <summary>Fetches the values of positions <paramref name="from"/> … <paramref name="to"/> − 1, and makes the processor fetch keys further on by itself.</summary>
    private void Prefetch(in AttentionGroup group, int from, int to, int panel)
    {
        const int lineFloats = 16, pageFloats = 1024;
        for (int position = from; position < to; position += panel)
        {
            float* line = group.Values(position, HeadDim, ValueStride);
            for (float* end = line + (long)Math.Min(to - position, panel) * ValueStride; line < end; line += lineFloats)
                Sse.Prefetch1(line);
            // Two lines of a page start the hardware's own prefetcher, which follows keys in sequence but does not foresee the next block of the pool.
            if (position + KeysAhead >= group.Positions)
                continue;
            float* page = group.Panel(position + KeysAhead, HeadDim);
            for (float* end = page + (long)panel * HeadDim; page < end; page += pageFloats)
            {
                Sse.Prefetch1(page);
                Sse.Prefetch1(page + lineFloats);
            }
        }
    }
}
