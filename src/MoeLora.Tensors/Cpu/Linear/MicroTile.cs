using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// The inner loop of <see cref="BlockedKernel{L, V}"/>: a tile of weight rows times a panel of inputs, all sums in registers. The panel holds two
/// registers of inputs for each column; the weights are widened to floats and broadcast one at a time. Written out because the JIT keeps only named
/// locals in registers: 24 sums for 32 registers, 12 for 16.
/// </summary>
/// <remarks>
/// c[r, :] (+)= Σ_k w[r, k] · x[k, :], with w rows <see cref="RowStride"/> floats apart, x rows of 2 · width, k ascending.
/// </remarks>
internal static unsafe class MicroTile<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>The deepest block of columns that is widened at a time.</summary>
    public const int MaxDepth = 512;

    /// <summary>Floats between widened weight rows; not a power of two, so that rows do not share cache sets.</summary>
    public const int RowStride = MaxDepth + 16;

    /// <summary>Twelve weight rows.</summary>
    public static void Run12(float* w, float* x, int depth, float* c, long cStride, bool accumulate)
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

        for (nint k = 0; k < depth; k++)
        {
            V xa = L.Load(x), xb = L.Load(x + width);
            x += 2 * width;
            V w0 = L.Broadcast(w[k]);
            c0a = L.Fma(w0, xa, c0a);
            c0b = L.Fma(w0, xb, c0b);
            V w1 = L.Broadcast(w[RowStride + k]);
            c1a = L.Fma(w1, xa, c1a);
            c1b = L.Fma(w1, xb, c1b);
            V w2 = L.Broadcast(w[2 * RowStride + k]);
            c2a = L.Fma(w2, xa, c2a);
            c2b = L.Fma(w2, xb, c2b);
            V w3 = L.Broadcast(w[3 * RowStride + k]);
            c3a = L.Fma(w3, xa, c3a);
            c3b = L.Fma(w3, xb, c3b);
            V w4 = L.Broadcast(w[4 * RowStride + k]);
            c4a = L.Fma(w4, xa, c4a);
            c4b = L.Fma(w4, xb, c4b);
            V w5 = L.Broadcast(w[5 * RowStride + k]);
            c5a = L.Fma(w5, xa, c5a);
            c5b = L.Fma(w5, xb, c5b);
            V w6 = L.Broadcast(w[6 * RowStride + k]);
            c6a = L.Fma(w6, xa, c6a);
            c6b = L.Fma(w6, xb, c6b);
            V w7 = L.Broadcast(w[7 * RowStride + k]);
            c7a = L.Fma(w7, xa, c7a);
            c7b = L.Fma(w7, xb, c7b);
            V w8 = L.Broadcast(w[8 * RowStride + k]);
            c8a = L.Fma(w8, xa, c8a);
            c8b = L.Fma(w8, xb, c8b);
            V w9 = L.Broadcast(w[9 * RowStride + k]);
            c9a = L.Fma(w9, xa, c9a);
            c9b = L.Fma(w9, xb, c9b);
            V w10 = L.Broadcast(w[10 * RowStride + k]);
            c10a = L.Fma(w10, xa, c10a);
            c10b = L.Fma(w10, xb, c10b);
            V w11 = L.Broadcast(w[11 * RowStride + k]);
            c11a = L.Fma(w11, xa, c11a);
            c11b = L.Fma(w11, xb, c11b);
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

    /// <summary>Six weight rows.</summary>
    public static void Run6(float* w, float* x, int depth, float* c, long cStride, bool accumulate)
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

        for (nint k = 0; k < depth; k++)
        {
            V xa = L.Load(x), xb = L.Load(x + width);
            x += 2 * width;
            V w0 = L.Broadcast(w[k]);
            c0a = L.Fma(w0, xa, c0a);
            c0b = L.Fma(w0, xb, c0b);
            V w1 = L.Broadcast(w[RowStride + k]);
            c1a = L.Fma(w1, xa, c1a);
            c1b = L.Fma(w1, xb, c1b);
            V w2 = L.Broadcast(w[2 * RowStride + k]);
            c2a = L.Fma(w2, xa, c2a);
            c2b = L.Fma(w2, xb, c2b);
            V w3 = L.Broadcast(w[3 * RowStride + k]);
            c3a = L.Fma(w3, xa, c3a);
            c3b = L.Fma(w3, xb, c3b);
            V w4 = L.Broadcast(w[4 * RowStride + k]);
            c4a = L.Fma(w4, xa, c4a);
            c4b = L.Fma(w4, xb, c4b);
            V w5 = L.Broadcast(w[5 * RowStride + k]);
            c5a = L.Fma(w5, xa, c5a);
            c5b = L.Fma(w5, xb, c5b);
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
