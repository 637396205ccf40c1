using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// The inner loop for results of at most one register's width: eight rows of left factors, read where they are, because they are used once.
/// </summary>
internal static unsafe class NarrowTile<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    public const int Rows = 8;

    /// <summary>Terms ahead of the loop that left factors are fetched: where they are far apart, the processor does not foresee them.</summary>
    private const int PrefetchTerms = 16;

    /// <summary>c[r, :] (+)= Σ_k left[r, k] · right[k, :], one register of columns; as in <see cref="MicroTile{L, V, TLeft, TRight}"/>, what c holds is added last.</summary>
    /// <param name="left">Factor of row 0 and term 0.</param>
    /// <param name="rowStride">Floats from row to row of left factors.</param>
    /// <param name="termStride">Floats from term to term of left factors.</param>
    /// <param name="right">[depth, width].</param>
    /// <param name="depth">Terms.</param>
    /// <param name="c">The first row of sums.</param>
    /// <param name="cStride">Floats from row to row of sums.</param>
    /// <param name="accumulate">Add to what c holds; otherwise it is not read.</param>
    public static void Run8(float* left, nint rowStride, nint termStride, float* right, int depth, float* c, nint cStride, bool accumulate)
    {
        V c0 = L.Zero, c1 = L.Zero, c2 = L.Zero, c3 = L.Zero, c4 = L.Zero, c5 = L.Zero, c6 = L.Zero, c7 = L.Zero;
        float* l3 = left + 3 * rowStride, l6 = left + 6 * rowStride;
        for (int k = 0; k < depth; k++)
        {
            V x = L.Load(right);
            if (Sse.IsSupported)
                Sse.Prefetch0(left + PrefetchTerms * termStride);
            right += L.Width;
            c0 = L.Fma(L.Broadcast(*left), x, c0);
            c1 = L.Fma(L.Broadcast(left[rowStride]), x, c1);
            c2 = L.Fma(L.Broadcast(left[2 * rowStride]), x, c2);
            c3 = L.Fma(L.Broadcast(*l3), x, c3);
            c4 = L.Fma(L.Broadcast(l3[rowStride]), x, c4);
            c5 = L.Fma(L.Broadcast(l3[2 * rowStride]), x, c5);
            c6 = L.Fma(L.Broadcast(*l6), x, c6);
            c7 = L.Fma(L.Broadcast(l6[rowStride]), x, c7);
            left += termStride;
            l3 += termStride;
            l6 += termStride;
        }

        Store(c, c0, accumulate);
        Store(c + cStride, c1, accumulate);
        Store(c + 2 * cStride, c2, accumulate);
        Store(c + 3 * cStride, c3, accumulate);
        Store(c + 4 * cStride, c4, accumulate);
        Store(c + 5 * cStride, c5, accumulate);
        Store(c + 6 * cStride, c6, accumulate);
        Store(c + 7 * cStride, c7, accumulate);
    }

    private static void Store(float* c, V sum, bool accumulate) => L.Store(c, accumulate ? L.Add(L.Load(c), sum) : sum);
}
