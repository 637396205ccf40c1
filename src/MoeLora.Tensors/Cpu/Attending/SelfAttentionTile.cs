using System.Runtime.CompilerServices;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>How a block of scores or of queries lies when it is the left factor of a product.</summary>
internal interface ITileFactor
{
    /// <summary>Floats from one row of the product to the next.</summary>
    static abstract int RowStep { get; }

    /// <summary>Floats from one summand to the next.</summary>
    static abstract int DepthStep { get; }
}

/// <summary>The block itself: its rows are the product's rows.</summary>
internal readonly struct AsItIs : ITileFactor
{
    public static int RowStep => SelfAttentionTile.Stride;

    public static int DepthStep => 1;
}

/// <summary>The block transposed: its columns are the product's rows.</summary>
internal readonly struct Transposed : ITileFactor
{
    public static int RowStep => 1;

    public static int DepthStep => SelfAttentionTile.Stride;
}

/// <summary>Sizes that tiles and blocks share.</summary>
internal static class SelfAttentionTile
{
    /// <summary>Keys whose scores are beside each other in a block; a multiple of every tile's height and of every panel's width.</summary>
    public const int KeyBlock = 480;

    /// <summary>
    /// Floats between the rows of a block, a constant so that a tile's addresses need no registers. More than the keys: behind the last score
    /// of a row there is room for zeros, up to the end of any tile that the row has a part in.
    /// </summary>
    public const int Stride = KeyBlock + Lanes512Width;

    /// <summary>Queries in a block; a multiple of every tile's height.</summary>
    public const int QueryBlock = 48;

    private const int Lanes512Width = 16;
}

/// <summary>
/// The inner loop of attention's matrix products: c[r, :] (+)= Σ_k w[r, k] · x[k, :] for two vectors' width of columns, all sums in registers, k
/// ascending. Written out because the JIT keeps only named locals in registers: 24 sums for 32 registers, 12 for 16.
/// </summary>
internal static unsafe class SelfAttentionTile<L, V, T>
    where L : struct, ILanes<V>
    where V : struct
    where T : struct, ITileFactor
{
    /// <summary>Rows of a tile.</summary>
    public static int Rows => L.Width == Lanes512.Width ? 12 : 6;

    /// <summary>One tile.</summary>
    /// <param name="w">The left factor's first element.</param>
    /// <param name="x">The right factor's first row.</param>
    /// <param name="xStride">Floats between the right factor's rows.</param>
    /// <param name="depth">Summands.</param>
    /// <param name="c">The product's first row.</param>
    /// <param name="cStride">Floats between the product's rows.</param>
    /// <param name="accumulate">Whether to add to what <paramref name="c"/> holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(float* w, float* x, nint xStride, int depth, float* c, nint cStride, bool accumulate)
    {
        if (L.Width == Lanes512.Width)
            Run12(w, x, xStride, depth, c, cStride, accumulate);
        else
            Run6(w, x, xStride, depth, c, cStride, accumulate);
    }

    /// <summary>One row only.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void RunRow(float* w, float* x, nint xStride, int depth, float* c, bool accumulate)
    {
        int width = L.Width;
        V a = accumulate ? L.Load(c) : L.Zero, b = accumulate ? L.Load(c + width) : L.Zero;
        for (int k = 0; k < depth; k++, w += T.DepthStep, x += xStride)
        {
            V weight = L.Broadcast(*w);
            a = L.Fma(weight, L.Load(x), a);
            b = L.Fma(weight, L.Load(x + width), b);
        }
        L.Store(c, a);
        L.Store(c + width, b);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Run12(float* w, float* x, nint xStride, int depth, float* c, nint cStride, bool accumulate)
    {
        int width = L.Width;
        V c0a, c0b;
        V c1a, c1b;
        V c2a, c2b;
        V c3a, c3b;
        V c4a, c4b;
        V c5a, c5b;
        V c6a, c6b;
        V c7a, c7b;
        V c8a, c8b;
        V c9a, c9b;
        V c10a, c10b;
        V c11a, c11b;
        if (accumulate)
        {
            c0a = L.Load(c);
            c0b = L.Load(c + width);
            c1a = L.Load(c + cStride);
            c1b = L.Load(c + cStride + width);
            c2a = L.Load(c + 2 * cStride);
            c2b = L.Load(c + 2 * cStride + width);
            c3a = L.Load(c + 3 * cStride);
            c3b = L.Load(c + 3 * cStride + width);
            c4a = L.Load(c + 4 * cStride);
            c4b = L.Load(c + 4 * cStride + width);
            c5a = L.Load(c + 5 * cStride);
            c5b = L.Load(c + 5 * cStride + width);
            c6a = L.Load(c + 6 * cStride);
            c6b = L.Load(c + 6 * cStride + width);
            c7a = L.Load(c + 7 * cStride);
            c7b = L.Load(c + 7 * cStride + width);
            c8a = L.Load(c + 8 * cStride);
            c8b = L.Load(c + 8 * cStride + width);
            c9a = L.Load(c + 9 * cStride);
            c9b = L.Load(c + 9 * cStride + width);
            c10a = L.Load(c + 10 * cStride);
            c10b = L.Load(c + 10 * cStride + width);
            c11a = L.Load(c + 11 * cStride);
            c11b = L.Load(c + 11 * cStride + width);
        }
        else
        {
            c0a = c0b = L.Zero;
            c1a = c1b = L.Zero;
            c2a = c2b = L.Zero;
            c3a = c3b = L.Zero;
            c4a = c4b = L.Zero;
            c5a = c5b = L.Zero;
            c6a = c6b = L.Zero;
            c7a = c7b = L.Zero;
            c8a = c8b = L.Zero;
            c9a = c9b = L.Zero;
            c10a = c10b = L.Zero;
            c11a = c11b = L.Zero;
        }

        for (int k = 0; k < depth; k++, w += T.DepthStep, x += xStride)
        {
            V xa = L.Load(x), xb = L.Load(x + width);
            V weight = L.Broadcast(w[0]);
            c0a = L.Fma(weight, xa, c0a);
            c0b = L.Fma(weight, xb, c0b);
            weight = L.Broadcast(w[T.RowStep]);
            c1a = L.Fma(weight, xa, c1a);
            c1b = L.Fma(weight, xb, c1b);
            weight = L.Broadcast(w[2 * T.RowStep]);
            c2a = L.Fma(weight, xa, c2a);
            c2b = L.Fma(weight, xb, c2b);
            weight = L.Broadcast(w[3 * T.RowStep]);
            c3a = L.Fma(weight, xa, c3a);
            c3b = L.Fma(weight, xb, c3b);
            weight = L.Broadcast(w[4 * T.RowStep]);
            c4a = L.Fma(weight, xa, c4a);
            c4b = L.Fma(weight, xb, c4b);
            weight = L.Broadcast(w[5 * T.RowStep]);
            c5a = L.Fma(weight, xa, c5a);
            c5b = L.Fma(weight, xb, c5b);
            weight = L.Broadcast(w[6 * T.RowStep]);
            c6a = L.Fma(weight, xa, c6a);
            c6b = L.Fma(weight, xb, c6b);
            weight = L.Broadcast(w[7 * T.RowStep]);
            c7a = L.Fma(weight, xa, c7a);
            c7b = L.Fma(weight, xb, c7b);
            weight = L.Broadcast(w[8 * T.RowStep]);
            c8a = L.Fma(weight, xa, c8a);
            c8b = L.Fma(weight, xb, c8b);
            weight = L.Broadcast(w[9 * T.RowStep]);
            c9a = L.Fma(weight, xa, c9a);
            c9b = L.Fma(weight, xb, c9b);
            weight = L.Broadcast(w[10 * T.RowStep]);
            c10a = L.Fma(weight, xa, c10a);
            c10b = L.Fma(weight, xb, c10b);
            weight = L.Broadcast(w[11 * T.RowStep]);
            c11a = L.Fma(weight, xa, c11a);
            c11b = L.Fma(weight, xb, c11b);
        }

        L.Store(c, c0a);
        L.Store(c + width, c0b);
        L.Store(c + cStride, c1a);
        L.Store(c + cStride + width, c1b);
        L.Store(c + 2 * cStride, c2a);
        L.Store(c + 2 * cStride + width, c2b);
        L.Store(c + 3 * cStride, c3a);
        L.Store(c + 3 * cStride + width, c3b);
        L.Store(c + 4 * cStride, c4a);
        L.Store(c + 4 * cStride + width, c4b);
        L.Store(c + 5 * cStride, c5a);
        L.Store(c + 5 * cStride + width, c5b);
        L.Store(c + 6 * cStride, c6a);
        L.Store(c + 6 * cStride + width, c6b);
        L.Store(c + 7 * cStride, c7a);
        L.Store(c + 7 * cStride + width, c7b);
        L.Store(c + 8 * cStride, c8a);
        L.Store(c + 8 * cStride + width, c8b);
        L.Store(c + 9 * cStride, c9a);
        L.Store(c + 9 * cStride + width, c9b);
        L.Store(c + 10 * cStride, c10a);
        L.Store(c + 10 * cStride + width, c10b);
        L.Store(c + 11 * cStride, c11a);
        L.Store(c + 11 * cStride + width, c11b);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Run6(float* w, float* x, nint xStride, int depth, float* c, nint cStride, bool accumulate)
    {
        int width = L.Width;
        V c0a, c0b;
        V c1a, c1b;
        V c2a, c2b;
        V c3a, c3b;
        V c4a, c4b;
        V c5a, c5b;
        if (accumulate)
        {
            c0a = L.Load(c);
            c0b = L.Load(c + width);
            c1a = L.Load(c + cStride);
            c1b = L.Load(c + cStride + width);
            c2a = L.Load(c + 2 * cStride);
            c2b = L.Load(c + 2 * cStride + width);
            c3a = L.Load(c + 3 * cStride);
            c3b = L.Load(c + 3 * cStride + width);
            c4a = L.Load(c + 4 * cStride);
            c4b = L.Load(c + 4 * cStride + width);
            c5a = L.Load(c + 5 * cStride);
            c5b = L.Load(c + 5 * cStride + width);
        }
        else
        {
            c0a = c0b = L.Zero;
            c1a = c1b = L.Zero;
            c2a = c2b = L.Zero;
            c3a = c3b = L.Zero;
            c4a = c4b = L.Zero;
            c5a = c5b = L.Zero;
        }

        for (int k = 0; k < depth; k++, w += T.DepthStep, x += xStride)
        {
            V xa = L.Load(x), xb = L.Load(x + width);
            V weight = L.Broadcast(w[0]);
            c0a = L.Fma(weight, xa, c0a);
            c0b = L.Fma(weight, xb, c0b);
            weight = L.Broadcast(w[T.RowStep]);
            c1a = L.Fma(weight, xa, c1a);
            c1b = L.Fma(weight, xb, c1b);
            weight = L.Broadcast(w[2 * T.RowStep]);
            c2a = L.Fma(weight, xa, c2a);
            c2b = L.Fma(weight, xb, c2b);
            weight = L.Broadcast(w[3 * T.RowStep]);
            c3a = L.Fma(weight, xa, c3a);
            c3b = L.Fma(weight, xb, c3b);
            weight = L.Broadcast(w[4 * T.RowStep]);
            c4a = L.Fma(weight, xa, c4a);
            c4b = L.Fma(weight, xb, c4b);
            weight = L.Broadcast(w[5 * T.RowStep]);
            c5a = L.Fma(weight, xa, c5a);
            c5b = L.Fma(weight, xb, c5b);
        }

        L.Store(c, c0a);
        L.Store(c + width, c0b);
        L.Store(c + cStride, c1a);
        L.Store(c + cStride + width, c1b);
        L.Store(c + 2 * cStride, c2a);
        L.Store(c + 2 * cStride + width, c2b);
        L.Store(c + 3 * cStride, c3a);
        L.Store(c + 3 * cStride + width, c3b);
        L.Store(c + 4 * cStride, c4a);
        L.Store(c + 4 * cStride + width, c4b);
        L.Store(c + 5 * cStride, c5a);
        L.Store(c + 5 * cStride + width, c5b);
    }
}
