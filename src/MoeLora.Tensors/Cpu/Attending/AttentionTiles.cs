using System.Runtime.CompilerServices;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// The two small matrix products of attention, on tiles of four queries and two vectors. Every result is one chain of
/// multiply-adds in index order, so it does not depend on what shares its tile, nor on the tile's width.
/// </summary>
internal static unsafe class AttentionTiles
{
    /// <summary>Queries in a tile.</summary>
    public const int Rows = 4;

    /// <summary>Scores of four queries against one panel of keys.</summary>
    /// <param name="queries">[headDim, 4].</param>
    /// <param name="panel">[headDim, two vectors].</param>
    /// <param name="headDim">Length of the chains.</param>
    /// <param name="scores">[4, stride].</param>
    /// <param name="stride">Floats from one query's scores to the next.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Scores<L, V>(float* queries, float* panel, int headDim, float* scores, int stride)
        where L : struct, ILanes<V>
        where V : struct
    {
        V a0 = L.Zero, a1 = L.Zero, b0 = L.Zero, b1 = L.Zero, c0 = L.Zero, c1 = L.Zero, d0 = L.Zero, d1 = L.Zero;
        for (float* end = queries + (long)headDim * Rows; queries < end; queries += Rows, panel += 2 * L.Width)
        {
            V k0 = L.Load(panel), k1 = L.Load(panel + L.Width);
            V q = L.Broadcast(queries[0]);
            a0 = L.Fma(q, k0, a0);
            a1 = L.Fma(q, k1, a1);
            q = L.Broadcast(queries[1]);
            b0 = L.Fma(q, k0, b0);
            b1 = L.Fma(q, k1, b1);
            q = L.Broadcast(queries[2]);
            c0 = L.Fma(q, k0, c0);
            c1 = L.Fma(q, k1, c1);
            q = L.Broadcast(queries[3]);
            d0 = L.Fma(q, k0, d0);
            d1 = L.Fma(q, k1, d1);
        }
        Store<L, V>(scores, a0, a1);
        Store<L, V>(scores + stride, b0, b1);
        Store<L, V>(scores + 2 * stride, c0, c1);
        Store<L, V>(scores + 3 * stride, d0, d1);
    }

    /// <summary>Two vectors' width of four queries' weighted sums of values.</summary>
    /// <param name="weights">[4, weightStride].</param>
    /// <param name="weightStride">Floats from one query's weights to the next.</param>
    /// <param name="blocks">The values, in blocks of [blockPositions, valueStride]; the last may be cut short.</param>
    /// <param name="column">First column to sum.</param>
    /// <param name="blockPositions">Positions in a block.</param>
    /// <param name="valueStride">Floats from one position's values to the next.</param>
    /// <param name="count">Length of the chains.</param>
    /// <param name="sums">[4, valueStride].</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void WeightedSums<L, V>(float* weights, int weightStride, float** blocks, int column, int blockPositions, int valueStride, int count, float* sums)
        where L : struct, ILanes<V>
        where V : struct
    {
        V a0 = L.Zero, a1 = L.Zero, b0 = L.Zero, b1 = L.Zero, c0 = L.Zero, c1 = L.Zero, d0 = L.Zero, d1 = L.Zero;
        float* wa = weights, wb = weights + weightStride, wc = wb + weightStride, wd = wc + weightStride;
        for (long k = 0, end; k < count;)
        {
            float* values = *blocks++ + column;
            end = Math.Min(k + blockPositions, count);
            // Two positions a round, so that the processor foresees the end of a block.
            for (; k + 1 < end; k += 2, values += valueStride)
            {
                V v0 = L.Load(values), v1 = L.Load(values + L.Width);
                V w = L.Broadcast(wa[k]);
                a0 = L.Fma(w, v0, a0);
                a1 = L.Fma(w, v1, a1);
                w = L.Broadcast(wb[k]);
                b0 = L.Fma(w, v0, b0);
                b1 = L.Fma(w, v1, b1);
                w = L.Broadcast(wc[k]);
                c0 = L.Fma(w, v0, c0);
                c1 = L.Fma(w, v1, c1);
                w = L.Broadcast(wd[k]);
                d0 = L.Fma(w, v0, d0);
                d1 = L.Fma(w, v1, d1);
                values += valueStride;

                v0 = L.Load(values);
                v1 = L.Load(values + L.Width);
                w = L.Broadcast(wa[k + 1]);
                a0 = L.Fma(w, v0, a0);
                a1 = L.Fma(w, v1, a1);
                w = L.Broadcast(wb[k + 1]);
                b0 = L.Fma(w, v0, b0);
                b1 = L.Fma(w, v1, b1);
                w = L.Broadcast(wc[k + 1]);
                c0 = L.Fma(w, v0, c0);
                c1 = L.Fma(w, v1, c1);
                w = L.Broadcast(wd[k + 1]);
                d0 = L.Fma(w, v0, d0);
                d1 = L.Fma(w, v1, d1);
            }
            for (; k < end; k++, values += valueStride)
            {
                V v0 = L.Load(values), v1 = L.Load(values + L.Width);
                V w = L.Broadcast(wa[k]);
                a0 = L.Fma(w, v0, a0);
                a1 = L.Fma(w, v1, a1);
                w = L.Broadcast(wb[k]);
                b0 = L.Fma(w, v0, b0);
                b1 = L.Fma(w, v1, b1);
                w = L.Broadcast(wc[k]);
                c0 = L.Fma(w, v0, c0);
                c1 = L.Fma(w, v1, c1);
                w = L.Broadcast(wd[k]);
                d0 = L.Fma(w, v0, d0);
                d1 = L.Fma(w, v1, d1);
            }
        }
        Store<L, V>(sums, a0, a1);
        Store<L, V>(sums + valueStride, b0, b1);
        Store<L, V>(sums + 2 * valueStride, c0, c1);
        Store<L, V>(sums + 3 * valueStride, d0, d1);
    }

    /// <summary>Continues the chains of one query with <paramref name="count"/> more positions.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ContinueSums<L, V>(float* weights, float* values, int valueStride, int count, float* sums)
        where L : struct, ILanes<V>
        where V : struct
    {
        V a0 = L.Load(sums), a1 = L.Load(sums + L.Width);
        for (long k = 0; k < count; k++, values += valueStride)
        {
            V w = L.Broadcast(weights[k]);
            a0 = L.Fma(w, L.Load(values), a0);
            a1 = L.Fma(w, L.Load(values + L.Width), a1);
        }
        Store<L, V>(sums, a0, a1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<L, V>(float* destination, V first, V second)
        where L : struct, ILanes<V>
        where V : struct
    {
        L.Store(destination, first);
        L.Store(destination + L.Width, second);
    }
}
