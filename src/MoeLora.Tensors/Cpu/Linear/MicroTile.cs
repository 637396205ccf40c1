using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Where a tile finds its left factors: row r of term k is at r · RowStride + k · (a stride that the caller gives).</summary>
internal interface ILeftLayout
{
    /// <summary>Floats from one row of the tile to the next.</summary>
    static abstract int RowStride { get; }
}

/// <summary>Rows in scratch memory, one after the other: the terms of a row are neighbours.</summary>
internal readonly struct LeftRows : ILeftLayout
{
    /// <summary>The most terms of a row; not a power of two with what follows, so that rows do not share cache sets.</summary>
    public static int RowStride => Stretches.MaxDepth + 16;
}

/// <summary>The rows of a term are neighbours.</summary>
internal readonly struct LeftTerms : ILeftLayout
{
    public static int RowStride => 1;
}

/// <summary>Where a tile finds its right factors.</summary>
internal interface IRightLayout
{
    /// <summary>Whether the terms follow each other without a gap, so that the distance between them is a constant of the compiled loop.</summary>
    static abstract bool IsPanel { get; }
}

/// <summary>A packed panel.</summary>
internal readonly struct PackedRight : IRightLayout
{
    public static bool IsPanel => true;
}

/// <summary>A matrix, read where it is.</summary>
internal readonly struct RightInPlace : IRightLayout
{
    public static bool IsPanel => false;
}

/// <summary>
/// The inner loop of every dense matrix product: rows of left factors times a panel of two registers' width of right factors, all sums in registers.
/// For each term, a left factor is broadcast and meets both registers. Written out because the JIT keeps only named locals in registers: 24 sums for
/// 32 registers, 12 for 16.
/// </summary>
/// <remarks>
/// c[r, :] (+)= Σ_k left[r, k] · right[k, :]. The terms of a call are one chain of multiply-adds from zero, k ascending; what c holds is added last, so
/// that it may arrive from far away meanwhile.
/// </remarks>
internal static unsafe class MicroTile<L, V, TLeft, TRight>
    where L : struct, IDenseLanes<V>
    where V : struct
    where TLeft : struct, ILeftLayout
    where TRight : struct, IRightLayout
{
    /// <summary>Terms ahead of the loop that right factors are fetched into the first-level cache.</summary>
    private const int PrefetchTerms = 8;

    /// <summary>Twelve rows.</summary>
    /// <param name="left">Factor of row 0 and term 0.</param>
    /// <param name="leftStride">Floats from term to term.</param>
    /// <param name="right">Two registers of factors of term 0.</param>
    /// <param name="rightStride">Floats from term to term; not read where they are a panel.</param>
    /// <param name="depth">Terms.</param>
    /// <param name="c">The first row of sums.</param>
    /// <param name="cStride">Floats from row to row.</param>
    /// <param name="accumulate">Add to what c holds; otherwise it is not read.</param>
    public static void Run12(float* left, nint leftStride, float* right, nint rightStride, int depth, float* c, long cStride, bool accumulate)
    {
        V c0a = L.Zero, c0b = L.Zero;
        V c1a = L.Zero, c1b = L.Zero;
        V c2a = L.Zero, c2b = L.Zero;
        V c3a = L.Zero, c3b = L.Zero;
        V c4a = L.Zero, c4b = L.Zero;
        V c5a = L.Zero, c5b = L.Zero;
        V c6a = L.Zero, c6b = L.Zero;
        V c7a = L.Zero, c7b = L.Zero;
        V c8a = L.Zero, c8b = L.Zero;
        V c9a = L.Zero, c9b = L.Zero;
        V c10a = L.Zero, c10b = L.Zero;
        V c11a = L.Zero, c11b = L.Zero;
        if (TRight.IsPanel)
            rightStride = 2 * L.Width;
        if (accumulate)
            Fetch(c, cStride, 12);
        for (int k = depth >> 1; k > 0; k--)
        {
            Step12(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b, ref c8a, ref c8b, ref c9a, ref c9b, ref c10a, ref c10b, ref c11a, ref c11b);
            Step12(left + leftStride, right + rightStride, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b, ref c8a, ref c8b, ref c9a, ref c9b, ref c10a, ref c10b, ref c11a, ref c11b);
            left += 2 * leftStride;
            right += 2 * rightStride;
        }

        if ((depth & 1) != 0)
        {
            Step12(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b, ref c8a, ref c8b, ref c9a, ref c9b, ref c10a, ref c10b, ref c11a, ref c11b);
        }

        Store(c, c0a, c0b, accumulate);
        Store(c + cStride, c1a, c1b, accumulate);
        Store(c + 2 * cStride, c2a, c2b, accumulate);
        Store(c + 3 * cStride, c3a, c3b, accumulate);
        Store(c + 4 * cStride, c4a, c4b, accumulate);
        Store(c + 5 * cStride, c5a, c5b, accumulate);
        Store(c + 6 * cStride, c6a, c6b, accumulate);
        Store(c + 7 * cStride, c7a, c7b, accumulate);
        Store(c + 8 * cStride, c8a, c8b, accumulate);
        Store(c + 9 * cStride, c9a, c9b, accumulate);
        Store(c + 10 * cStride, c10a, c10b, accumulate);
        Store(c + 11 * cStride, c11a, c11b, accumulate);
    }

    /// <summary>Eight rows.</summary>
    /// <param name="left">Factor of row 0 and term 0.</param>
    /// <param name="leftStride">Floats from term to term.</param>
    /// <param name="right">Two registers of factors of term 0.</param>
    /// <param name="rightStride">Floats from term to term; not read where they are a panel.</param>
    /// <param name="depth">Terms.</param>
    /// <param name="c">The first row of sums.</param>
    /// <param name="cStride">Floats from row to row.</param>
    /// <param name="accumulate">Add to what c holds; otherwise it is not read.</param>
    public static void Run8(float* left, nint leftStride, float* right, nint rightStride, int depth, float* c, long cStride, bool accumulate)
    {
        V c0a = L.Zero, c0b = L.Zero;
        V c1a = L.Zero, c1b = L.Zero;
        V c2a = L.Zero, c2b = L.Zero;
        V c3a = L.Zero, c3b = L.Zero;
        V c4a = L.Zero, c4b = L.Zero;
        V c5a = L.Zero, c5b = L.Zero;
        V c6a = L.Zero, c6b = L.Zero;
        V c7a = L.Zero, c7b = L.Zero;
        if (TRight.IsPanel)
            rightStride = 2 * L.Width;
        if (accumulate)
            Fetch(c, cStride, 8);
        for (int k = depth >> 1; k > 0; k--)
        {
            Step8(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b);
            Step8(left + leftStride, right + rightStride, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b);
            left += 2 * leftStride;
            right += 2 * rightStride;
        }

        if ((depth & 1) != 0)
        {
            Step8(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b,
                ref c6a, ref c6b, ref c7a, ref c7b);
        }

        Store(c, c0a, c0b, accumulate);
        Store(c + cStride, c1a, c1b, accumulate);
        Store(c + 2 * cStride, c2a, c2b, accumulate);
        Store(c + 3 * cStride, c3a, c3b, accumulate);
        Store(c + 4 * cStride, c4a, c4b, accumulate);
        Store(c + 5 * cStride, c5a, c5b, accumulate);
        Store(c + 6 * cStride, c6a, c6b, accumulate);
        Store(c + 7 * cStride, c7a, c7b, accumulate);
    }

    /// <summary>Six rows.</summary>
    /// <param name="left">Factor of row 0 and term 0.</param>
    /// <param name="leftStride">Floats from term to term.</param>
    /// <param name="right">Two registers of factors of term 0.</param>
    /// <param name="rightStride">Floats from term to term; not read where they are a panel.</param>
    /// <param name="depth">Terms.</param>
    /// <param name="c">The first row of sums.</param>
    /// <param name="cStride">Floats from row to row.</param>
    /// <param name="accumulate">Add to what c holds; otherwise it is not read.</param>
    public static void Run6(float* left, nint leftStride, float* right, nint rightStride, int depth, float* c, long cStride, bool accumulate)
    {
        V c0a = L.Zero, c0b = L.Zero;
        V c1a = L.Zero, c1b = L.Zero;
        V c2a = L.Zero, c2b = L.Zero;
        V c3a = L.Zero, c3b = L.Zero;
        V c4a = L.Zero, c4b = L.Zero;
        V c5a = L.Zero, c5b = L.Zero;
        if (TRight.IsPanel)
            rightStride = 2 * L.Width;
        if (accumulate)
            Fetch(c, cStride, 6);
        for (int k = depth >> 1; k > 0; k--)
        {
            Step6(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b);
            Step6(left + leftStride, right + rightStride, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b);
            left += 2 * leftStride;
            right += 2 * rightStride;
        }

        if ((depth & 1) != 0)
        {
            Step6(left, right, rightStride, ref c0a, ref c0b, ref c1a, ref c1b, ref c2a, ref c2b, ref c3a, ref c3b, ref c4a, ref c4b, ref c5a, ref c5b);
        }

        Store(c, c0a, c0b, accumulate);
        Store(c + cStride, c1a, c1b, accumulate);
        Store(c + 2 * cStride, c2a, c2b, accumulate);
        Store(c + 3 * cStride, c3a, c3b, accumulate);
        Store(c + 4 * cStride, c4a, c4b, accumulate);
        Store(c + 5 * cStride, c5a, c5b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step12(float* left, float* right, nint rightStride,
        ref V c0a, ref V c0b, ref V c1a, ref V c1b, ref V c2a, ref V c2b, ref V c3a, ref V c3b,
        ref V c4a, ref V c4b, ref V c5a, ref V c5b, ref V c6a, ref V c6b, ref V c7a, ref V c7b,
        ref V c8a, ref V c8b, ref V c9a, ref V c9b, ref V c10a, ref V c10b, ref V c11a, ref V c11b)
    {
        V xa = L.Load(right), xb = L.Load(right + L.Width);
        FetchAhead(right, rightStride);
        V w0 = L.Broadcast(*left);
        c0a = L.Fma(w0, xa, c0a);
        c0b = L.Fma(w0, xb, c0b);
        V w1 = L.Broadcast(left[TLeft.RowStride]);
        c1a = L.Fma(w1, xa, c1a);
        c1b = L.Fma(w1, xb, c1b);
        V w2 = L.Broadcast(left[2 * TLeft.RowStride]);
        c2a = L.Fma(w2, xa, c2a);
        c2b = L.Fma(w2, xb, c2b);
        V w3 = L.Broadcast(left[3 * TLeft.RowStride]);
        c3a = L.Fma(w3, xa, c3a);
        c3b = L.Fma(w3, xb, c3b);
        V w4 = L.Broadcast(left[4 * TLeft.RowStride]);
        c4a = L.Fma(w4, xa, c4a);
        c4b = L.Fma(w4, xb, c4b);
        V w5 = L.Broadcast(left[5 * TLeft.RowStride]);
        c5a = L.Fma(w5, xa, c5a);
        c5b = L.Fma(w5, xb, c5b);
        V w6 = L.Broadcast(left[6 * TLeft.RowStride]);
        c6a = L.Fma(w6, xa, c6a);
        c6b = L.Fma(w6, xb, c6b);
        V w7 = L.Broadcast(left[7 * TLeft.RowStride]);
        c7a = L.Fma(w7, xa, c7a);
        c7b = L.Fma(w7, xb, c7b);
        V w8 = L.Broadcast(left[8 * TLeft.RowStride]);
        c8a = L.Fma(w8, xa, c8a);
        c8b = L.Fma(w8, xb, c8b);
        V w9 = L.Broadcast(left[9 * TLeft.RowStride]);
        c9a = L.Fma(w9, xa, c9a);
        c9b = L.Fma(w9, xb, c9b);
        V w10 = L.Broadcast(left[10 * TLeft.RowStride]);
        c10a = L.Fma(w10, xa, c10a);
        c10b = L.Fma(w10, xb, c10b);
        V w11 = L.Broadcast(left[11 * TLeft.RowStride]);
        c11a = L.Fma(w11, xa, c11a);
        c11b = L.Fma(w11, xb, c11b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step8(float* left, float* right, nint rightStride,
        ref V c0a, ref V c0b, ref V c1a, ref V c1b, ref V c2a, ref V c2b, ref V c3a, ref V c3b,
        ref V c4a, ref V c4b, ref V c5a, ref V c5b, ref V c6a, ref V c6b, ref V c7a, ref V c7b)
    {
        V xa = L.Load(right), xb = L.Load(right + L.Width);
        FetchAhead(right, rightStride);
        V w0 = L.Broadcast(*left);
        c0a = L.Fma(w0, xa, c0a);
        c0b = L.Fma(w0, xb, c0b);
        V w1 = L.Broadcast(left[TLeft.RowStride]);
        c1a = L.Fma(w1, xa, c1a);
        c1b = L.Fma(w1, xb, c1b);
        V w2 = L.Broadcast(left[2 * TLeft.RowStride]);
        c2a = L.Fma(w2, xa, c2a);
        c2b = L.Fma(w2, xb, c2b);
        V w3 = L.Broadcast(left[3 * TLeft.RowStride]);
        c3a = L.Fma(w3, xa, c3a);
        c3b = L.Fma(w3, xb, c3b);
        V w4 = L.Broadcast(left[4 * TLeft.RowStride]);
        c4a = L.Fma(w4, xa, c4a);
        c4b = L.Fma(w4, xb, c4b);
        V w5 = L.Broadcast(left[5 * TLeft.RowStride]);
        c5a = L.Fma(w5, xa, c5a);
        c5b = L.Fma(w5, xb, c5b);
        V w6 = L.Broadcast(left[6 * TLeft.RowStride]);
        c6a = L.Fma(w6, xa, c6a);
        c6b = L.Fma(w6, xb, c6b);
        V w7 = L.Broadcast(left[7 * TLeft.RowStride]);
        c7a = L.Fma(w7, xa, c7a);
        c7b = L.Fma(w7, xb, c7b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step6(float* left, float* right, nint rightStride,
        ref V c0a, ref V c0b, ref V c1a, ref V c1b, ref V c2a, ref V c2b, ref V c3a, ref V c3b,
        ref V c4a, ref V c4b, ref V c5a, ref V c5b)
    {
        V xa = L.Load(right), xb = L.Load(right + L.Width);
        FetchAhead(right, rightStride);
        V w0 = L.Broadcast(*left);
        c0a = L.Fma(w0, xa, c0a);
        c0b = L.Fma(w0, xb, c0b);
        V w1 = L.Broadcast(left[TLeft.RowStride]);
        c1a = L.Fma(w1, xa, c1a);
        c1b = L.Fma(w1, xb, c1b);
        V w2 = L.Broadcast(left[2 * TLeft.RowStride]);
        c2a = L.Fma(w2, xa, c2a);
        c2b = L.Fma(w2, xb, c2b);
        V w3 = L.Broadcast(left[3 * TLeft.RowStride]);
        c3a = L.Fma(w3, xa, c3a);
        c3b = L.Fma(w3, xb, c3b);
        V w4 = L.Broadcast(left[4 * TLeft.RowStride]);
        c4a = L.Fma(w4, xa, c4a);
        c4b = L.Fma(w4, xb, c4b);
        V w5 = L.Broadcast(left[5 * TLeft.RowStride]);
        c5a = L.Fma(w5, xa, c5a);
        c5b = L.Fma(w5, xb, c5b);
    }

    /// <summary>A panel of 8-float registers has one cache line for each term, one of 16-float registers two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchAhead(float* right, nint rightStride)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(right + PrefetchTerms * rightStride);
        if (L.Width > 8)
            Sse.Prefetch0(right + PrefetchTerms * rightStride + L.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, V a, V b, bool accumulate)
    {
        if (accumulate)
        {
            a = L.Add(L.Load(c), a);
            b = L.Add(L.Load(c + L.Width), b);
        }

        L.Store(c, a);
        L.Store(c + L.Width, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(float* c, long cStride, int rows)
    {
        if (!Sse.IsSupported)
            return;
        for (int r = 0; r < rows; r++)
        {
            Sse.Prefetch0(c + r * cStride);
            Sse.Prefetch0(c + r * cStride + L.Width);
        }
    }
}
