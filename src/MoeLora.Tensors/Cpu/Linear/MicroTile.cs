namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// The inner loop of <see cref="BlockedKernel{TLanes}"/>: a tile of weight rows times a panel of inputs, all sums in registers. The panel holds two
/// registers of inputs for each column; the weights are widened to floats and broadcast one at a time. Written out because the JIT keeps only named
/// locals in registers: 24 sums for 32 registers, 12 for 16.
/// </summary>
/// <remarks>
/// c[r, :] (+)= Σ_k w[r, k] · x[k, :], with w rows <see cref="RowStride"/> floats apart, x rows of 2 · width, k ascending.
/// </remarks>
internal static unsafe class MicroTile<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>The deepest block of columns that is widened at a time.</summary>
    public const int MaxDepth = 512;

    /// <summary>Floats between widened weight rows; not a power of two, so that rows do not share cache sets.</summary>
    public const int RowStride = MaxDepth + 16;

    /// <summary>Twelve weight rows.</summary>
    public static void Run12(float* w, float* x, int depth, float* c, long cStride, bool accumulate)
    {
        int width = TLanes.Count;
        TLanes c0a, c0b;
        TLanes c1a, c1b;
        TLanes c2a, c2b;
        TLanes c3a, c3b;
        TLanes c4a, c4b;
        TLanes c5a, c5b;
        TLanes c6a, c6b;
        TLanes c7a, c7b;
        TLanes c8a, c8b;
        TLanes c9a, c9b;
        TLanes c10a, c10b;
        TLanes c11a, c11b;
        if (accumulate)
        {
            c0a = TLanes.Load(c);
            c0b = TLanes.Load(c + width);
            c1a = TLanes.Load(c + cStride);
            c1b = TLanes.Load(c + cStride + width);
            c2a = TLanes.Load(c + 2 * cStride);
            c2b = TLanes.Load(c + 2 * cStride + width);
            c3a = TLanes.Load(c + 3 * cStride);
            c3b = TLanes.Load(c + 3 * cStride + width);
            c4a = TLanes.Load(c + 4 * cStride);
            c4b = TLanes.Load(c + 4 * cStride + width);
            c5a = TLanes.Load(c + 5 * cStride);
            c5b = TLanes.Load(c + 5 * cStride + width);
            c6a = TLanes.Load(c + 6 * cStride);
            c6b = TLanes.Load(c + 6 * cStride + width);
            c7a = TLanes.Load(c + 7 * cStride);
            c7b = TLanes.Load(c + 7 * cStride + width);
            c8a = TLanes.Load(c + 8 * cStride);
            c8b = TLanes.Load(c + 8 * cStride + width);
            c9a = TLanes.Load(c + 9 * cStride);
            c9b = TLanes.Load(c + 9 * cStride + width);
            c10a = TLanes.Load(c + 10 * cStride);
            c10b = TLanes.Load(c + 10 * cStride + width);
            c11a = TLanes.Load(c + 11 * cStride);
            c11b = TLanes.Load(c + 11 * cStride + width);
        }
        else
        {
            c0a = c0b = TLanes.Zero;
            c1a = c1b = TLanes.Zero;
            c2a = c2b = TLanes.Zero;
            c3a = c3b = TLanes.Zero;
            c4a = c4b = TLanes.Zero;
            c5a = c5b = TLanes.Zero;
            c6a = c6b = TLanes.Zero;
            c7a = c7b = TLanes.Zero;
            c8a = c8b = TLanes.Zero;
            c9a = c9b = TLanes.Zero;
            c10a = c10b = TLanes.Zero;
            c11a = c11b = TLanes.Zero;
        }

        for (nint k = 0; k < depth; k++)
        {
            TLanes xa = TLanes.Load(x), xb = TLanes.Load(x + width);
            x += 2 * width;
            TLanes w0 = TLanes.Broadcast(w[k]);
            c0a = TLanes.MultiplyAdd(w0, xa, c0a);
            c0b = TLanes.MultiplyAdd(w0, xb, c0b);
            TLanes w1 = TLanes.Broadcast(w[RowStride + k]);
            c1a = TLanes.MultiplyAdd(w1, xa, c1a);
            c1b = TLanes.MultiplyAdd(w1, xb, c1b);
            TLanes w2 = TLanes.Broadcast(w[2 * RowStride + k]);
            c2a = TLanes.MultiplyAdd(w2, xa, c2a);
            c2b = TLanes.MultiplyAdd(w2, xb, c2b);
            TLanes w3 = TLanes.Broadcast(w[3 * RowStride + k]);
            c3a = TLanes.MultiplyAdd(w3, xa, c3a);
            c3b = TLanes.MultiplyAdd(w3, xb, c3b);
            TLanes w4 = TLanes.Broadcast(w[4 * RowStride + k]);
            c4a = TLanes.MultiplyAdd(w4, xa, c4a);
            c4b = TLanes.MultiplyAdd(w4, xb, c4b);
            TLanes w5 = TLanes.Broadcast(w[5 * RowStride + k]);
            c5a = TLanes.MultiplyAdd(w5, xa, c5a);
            c5b = TLanes.MultiplyAdd(w5, xb, c5b);
            TLanes w6 = TLanes.Broadcast(w[6 * RowStride + k]);
            c6a = TLanes.MultiplyAdd(w6, xa, c6a);
            c6b = TLanes.MultiplyAdd(w6, xb, c6b);
            TLanes w7 = TLanes.Broadcast(w[7 * RowStride + k]);
            c7a = TLanes.MultiplyAdd(w7, xa, c7a);
            c7b = TLanes.MultiplyAdd(w7, xb, c7b);
            TLanes w8 = TLanes.Broadcast(w[8 * RowStride + k]);
            c8a = TLanes.MultiplyAdd(w8, xa, c8a);
            c8b = TLanes.MultiplyAdd(w8, xb, c8b);
            TLanes w9 = TLanes.Broadcast(w[9 * RowStride + k]);
            c9a = TLanes.MultiplyAdd(w9, xa, c9a);
            c9b = TLanes.MultiplyAdd(w9, xb, c9b);
            TLanes w10 = TLanes.Broadcast(w[10 * RowStride + k]);
            c10a = TLanes.MultiplyAdd(w10, xa, c10a);
            c10b = TLanes.MultiplyAdd(w10, xb, c10b);
            TLanes w11 = TLanes.Broadcast(w[11 * RowStride + k]);
            c11a = TLanes.MultiplyAdd(w11, xa, c11a);
            c11b = TLanes.MultiplyAdd(w11, xb, c11b);
        }

        TLanes.Store(c0a, c);
        TLanes.Store(c0b, c + width);
        TLanes.Store(c1a, c + cStride);
        TLanes.Store(c1b, c + cStride + width);
        TLanes.Store(c2a, c + 2 * cStride);
        TLanes.Store(c2b, c + 2 * cStride + width);
        TLanes.Store(c3a, c + 3 * cStride);
        TLanes.Store(c3b, c + 3 * cStride + width);
        TLanes.Store(c4a, c + 4 * cStride);
        TLanes.Store(c4b, c + 4 * cStride + width);
        TLanes.Store(c5a, c + 5 * cStride);
        TLanes.Store(c5b, c + 5 * cStride + width);
        TLanes.Store(c6a, c + 6 * cStride);
        TLanes.Store(c6b, c + 6 * cStride + width);
        TLanes.Store(c7a, c + 7 * cStride);
        TLanes.Store(c7b, c + 7 * cStride + width);
        TLanes.Store(c8a, c + 8 * cStride);
        TLanes.Store(c8b, c + 8 * cStride + width);
        TLanes.Store(c9a, c + 9 * cStride);
        TLanes.Store(c9b, c + 9 * cStride + width);
        TLanes.Store(c10a, c + 10 * cStride);
        TLanes.Store(c10b, c + 10 * cStride + width);
        TLanes.Store(c11a, c + 11 * cStride);
        TLanes.Store(c11b, c + 11 * cStride + width);
    }

    /// <summary>Six weight rows.</summary>
    public static void Run6(float* w, float* x, int depth, float* c, long cStride, bool accumulate)
    {
        int width = TLanes.Count;
        TLanes c0a, c0b;
        TLanes c1a, c1b;
        TLanes c2a, c2b;
        TLanes c3a, c3b;
        TLanes c4a, c4b;
        TLanes c5a, c5b;
        if (accumulate)
        {
            c0a = TLanes.Load(c);
            c0b = TLanes.Load(c + width);
            c1a = TLanes.Load(c + cStride);
            c1b = TLanes.Load(c + cStride + width);
            c2a = TLanes.Load(c + 2 * cStride);
            c2b = TLanes.Load(c + 2 * cStride + width);
            c3a = TLanes.Load(c + 3 * cStride);
            c3b = TLanes.Load(c + 3 * cStride + width);
            c4a = TLanes.Load(c + 4 * cStride);
            c4b = TLanes.Load(c + 4 * cStride + width);
            c5a = TLanes.Load(c + 5 * cStride);
            c5b = TLanes.Load(c + 5 * cStride + width);
        }
        else
        {
            c0a = c0b = TLanes.Zero;
            c1a = c1b = TLanes.Zero;
            c2a = c2b = TLanes.Zero;
            c3a = c3b = TLanes.Zero;
            c4a = c4b = TLanes.Zero;
            c5a = c5b = TLanes.Zero;
        }

        for (nint k = 0; k < depth; k++)
        {
            TLanes xa = TLanes.Load(x), xb = TLanes.Load(x + width);
            x += 2 * width;
            TLanes w0 = TLanes.Broadcast(w[k]);
            c0a = TLanes.MultiplyAdd(w0, xa, c0a);
            c0b = TLanes.MultiplyAdd(w0, xb, c0b);
            TLanes w1 = TLanes.Broadcast(w[RowStride + k]);
            c1a = TLanes.MultiplyAdd(w1, xa, c1a);
            c1b = TLanes.MultiplyAdd(w1, xb, c1b);
            TLanes w2 = TLanes.Broadcast(w[2 * RowStride + k]);
            c2a = TLanes.MultiplyAdd(w2, xa, c2a);
            c2b = TLanes.MultiplyAdd(w2, xb, c2b);
            TLanes w3 = TLanes.Broadcast(w[3 * RowStride + k]);
            c3a = TLanes.MultiplyAdd(w3, xa, c3a);
            c3b = TLanes.MultiplyAdd(w3, xb, c3b);
            TLanes w4 = TLanes.Broadcast(w[4 * RowStride + k]);
            c4a = TLanes.MultiplyAdd(w4, xa, c4a);
            c4b = TLanes.MultiplyAdd(w4, xb, c4b);
            TLanes w5 = TLanes.Broadcast(w[5 * RowStride + k]);
            c5a = TLanes.MultiplyAdd(w5, xa, c5a);
            c5b = TLanes.MultiplyAdd(w5, xb, c5b);
        }

        TLanes.Store(c0a, c);
        TLanes.Store(c0b, c + width);
        TLanes.Store(c1a, c + cStride);
        TLanes.Store(c1b, c + cStride + width);
        TLanes.Store(c2a, c + 2 * cStride);
        TLanes.Store(c2b, c + 2 * cStride + width);
        TLanes.Store(c3a, c + 3 * cStride);
        TLanes.Store(c3b, c + 3 * cStride + width);
        TLanes.Store(c4a, c + 4 * cStride);
        TLanes.Store(c4b, c + 4 * cStride + width);
        TLanes.Store(c5a, c + 5 * cStride);
        TLanes.Store(c5b, c + 5 * cStride + width);
    }
}
