using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Dot products of a few weight rows with a few input rows, the inner loop of <see cref="RowKernel{TLanes}"/>. Each (weight row, input
/// row) pair has one register of partial sums: lane l sums the columns k ≡ l modulo the width, in ascending order. That order is the same in every
/// tile shape, which is what makes results independent of the batch.
/// </summary>
/// <remarks>
/// A tile stores its registers to <c>sums</c>, weight row by weight row, so that the epilogue can add the low-rank part before it sums the lanes.
/// Rows follow each other in memory, so the bytes after the tile are the next tile's: they are prefetched while this one is computed,
/// scales and padding included.
/// The inputs are read from memory at each use because the JIT folds such a load into the multiply-add.
/// </remarks>
internal static unsafe class DotTile<TLanes, TFormat>
    where TLanes : struct, ILanes<TLanes>
    where TFormat : struct, IWeightFormat
{
    /// <summary>Four weight rows, one input row.</summary>
    public static void Run4x1(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + 4 * stride;
        byte* w1 = w + stride;
        byte* w2 = w + 2 * stride;
        byte* w3 = w + 3 * stride;
        float* s1 = scales + scaleStride;
        float* s2 = scales + 2 * scaleStride;
        float* s3 = scales + 3 * scaleStride;
        float* x0 = x[0];
        TLanes a0 = TLanes.Zero;
        TLanes b0 = TLanes.Zero;
        TLanes c0 = TLanes.Zero;
        TLanes d0 = TLanes.Zero;
        for (nint k = 0; k < columns; k += TLanes.Count)
        {
            Prefetch(next, k, 4);
            TLanes a = TFormat.Load<TLanes>(w, scales, k);
            TLanes b = TFormat.Load<TLanes>(w1, s1, k);
            TLanes c = TFormat.Load<TLanes>(w2, s2, k);
            TLanes d = TFormat.Load<TLanes>(w3, s3, k);
            a0 = TLanes.MultiplyAdd(a, TLanes.Load(x0 + k), a0);
            b0 = TLanes.MultiplyAdd(b, TLanes.Load(x0 + k), b0);
            c0 = TLanes.MultiplyAdd(c, TLanes.Load(x0 + k), c0);
            d0 = TLanes.MultiplyAdd(d, TLanes.Load(x0 + k), d0);
        }

        PrefetchRest(next, columns, 4, stride);
        Store4(sums, a0, b0, c0, d0);
    }

    /// <summary>Four weight rows, two input rows.</summary>
    public static void Run4x2(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + 4 * stride;
        byte* w1 = w + stride;
        byte* w2 = w + 2 * stride;
        byte* w3 = w + 3 * stride;
        float* s1 = scales + scaleStride;
        float* s2 = scales + 2 * scaleStride;
        float* s3 = scales + 3 * scaleStride;
        float* x0 = x[0], x1 = x[1];
        TLanes a0 = TLanes.Zero, a1 = TLanes.Zero;
        TLanes b0 = TLanes.Zero, b1 = TLanes.Zero;
        TLanes c0 = TLanes.Zero, c1 = TLanes.Zero;
        TLanes d0 = TLanes.Zero, d1 = TLanes.Zero;
        for (nint k = 0; k < columns; k += TLanes.Count)
        {
            Prefetch(next, k, 4);
            TLanes a = TFormat.Load<TLanes>(w, scales, k);
            TLanes b = TFormat.Load<TLanes>(w1, s1, k);
            TLanes c = TFormat.Load<TLanes>(w2, s2, k);
            TLanes d = TFormat.Load<TLanes>(w3, s3, k);
            a0 = TLanes.MultiplyAdd(a, TLanes.Load(x0 + k), a0);
            b0 = TLanes.MultiplyAdd(b, TLanes.Load(x0 + k), b0);
            c0 = TLanes.MultiplyAdd(c, TLanes.Load(x0 + k), c0);
            d0 = TLanes.MultiplyAdd(d, TLanes.Load(x0 + k), d0);
            a1 = TLanes.MultiplyAdd(a, TLanes.Load(x1 + k), a1);
            b1 = TLanes.MultiplyAdd(b, TLanes.Load(x1 + k), b1);
            c1 = TLanes.MultiplyAdd(c, TLanes.Load(x1 + k), c1);
            d1 = TLanes.MultiplyAdd(d, TLanes.Load(x1 + k), d1);
        }

        PrefetchRest(next, columns, 4, stride);
        Store4(sums, a0, a1, b0, b1);
        Store4(sums + 4 * TLanes.Count, c0, c1, d0, d1);
    }

    /// <summary>Two weight rows, four input rows.</summary>
    public static void Run2x4(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + 2 * stride;
        byte* w1 = w + stride;
        float* s1 = scales + scaleStride;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        TLanes a0 = TLanes.Zero, a1 = TLanes.Zero, a2 = TLanes.Zero, a3 = TLanes.Zero;
        TLanes b0 = TLanes.Zero, b1 = TLanes.Zero, b2 = TLanes.Zero, b3 = TLanes.Zero;
        for (nint k = 0; k < columns; k += TLanes.Count)
        {
            Prefetch(next, k, 2);
            TLanes a = TFormat.Load<TLanes>(w, scales, k);
            TLanes b = TFormat.Load<TLanes>(w1, s1, k);
            a0 = TLanes.MultiplyAdd(a, TLanes.Load(x0 + k), a0);
            b0 = TLanes.MultiplyAdd(b, TLanes.Load(x0 + k), b0);
            a1 = TLanes.MultiplyAdd(a, TLanes.Load(x1 + k), a1);
            b1 = TLanes.MultiplyAdd(b, TLanes.Load(x1 + k), b1);
            a2 = TLanes.MultiplyAdd(a, TLanes.Load(x2 + k), a2);
            b2 = TLanes.MultiplyAdd(b, TLanes.Load(x2 + k), b2);
            a3 = TLanes.MultiplyAdd(a, TLanes.Load(x3 + k), a3);
            b3 = TLanes.MultiplyAdd(b, TLanes.Load(x3 + k), b3);
        }

        PrefetchRest(next, columns, 2, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * TLanes.Count, b0, b1, b2, b3);
    }

    /// <summary>One weight row, eight input rows.</summary>
    public static void Run1x8(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + stride;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5], x6 = x[6], x7 = x[7];
        TLanes a0 = TLanes.Zero, a1 = TLanes.Zero, a2 = TLanes.Zero, a3 = TLanes.Zero;
        TLanes a4 = TLanes.Zero, a5 = TLanes.Zero, a6 = TLanes.Zero, a7 = TLanes.Zero;
        for (nint k = 0; k < columns; k += TLanes.Count)
        {
            Prefetch(next, k, 1);
            TLanes a = TFormat.Load<TLanes>(w, scales, k);
            a0 = TLanes.MultiplyAdd(a, TLanes.Load(x0 + k), a0);
            a1 = TLanes.MultiplyAdd(a, TLanes.Load(x1 + k), a1);
            a2 = TLanes.MultiplyAdd(a, TLanes.Load(x2 + k), a2);
            a3 = TLanes.MultiplyAdd(a, TLanes.Load(x3 + k), a3);
            a4 = TLanes.MultiplyAdd(a, TLanes.Load(x4 + k), a4);
            a5 = TLanes.MultiplyAdd(a, TLanes.Load(x5 + k), a5);
            a6 = TLanes.MultiplyAdd(a, TLanes.Load(x6 + k), a6);
            a7 = TLanes.MultiplyAdd(a, TLanes.Load(x7 + k), a7);
        }

        PrefetchRest(next, columns, 1, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * TLanes.Count, a4, a5, a6, a7);
    }

    /// <summary>Three weight rows, eight input rows: 24 sums, for processors with 32 vector registers.</summary>
    public static void Run3x8(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + 3 * stride;
        byte* w1 = w + stride;
        byte* w2 = w + 2 * stride;
        float* s1 = scales + scaleStride;
        float* s2 = scales + 2 * scaleStride;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5], x6 = x[6], x7 = x[7];
        TLanes a0 = TLanes.Zero, a1 = TLanes.Zero, a2 = TLanes.Zero, a3 = TLanes.Zero;
        TLanes a4 = TLanes.Zero, a5 = TLanes.Zero, a6 = TLanes.Zero, a7 = TLanes.Zero;
        TLanes b0 = TLanes.Zero, b1 = TLanes.Zero, b2 = TLanes.Zero, b3 = TLanes.Zero;
        TLanes b4 = TLanes.Zero, b5 = TLanes.Zero, b6 = TLanes.Zero, b7 = TLanes.Zero;
        TLanes c0 = TLanes.Zero, c1 = TLanes.Zero, c2 = TLanes.Zero, c3 = TLanes.Zero;
        TLanes c4 = TLanes.Zero, c5 = TLanes.Zero, c6 = TLanes.Zero, c7 = TLanes.Zero;
        for (nint k = 0; k < columns; k += TLanes.Count)
        {
            Prefetch(next, k, 3);
            TLanes a = TFormat.Load<TLanes>(w, scales, k), b = TFormat.Load<TLanes>(w1, s1, k), c = TFormat.Load<TLanes>(w2, s2, k);
            TLanes v = TLanes.Load(x0 + k);
            a0 = TLanes.MultiplyAdd(a, v, a0);
            b0 = TLanes.MultiplyAdd(b, v, b0);
            c0 = TLanes.MultiplyAdd(c, v, c0);
            v = TLanes.Load(x1 + k);
            a1 = TLanes.MultiplyAdd(a, v, a1);
            b1 = TLanes.MultiplyAdd(b, v, b1);
            c1 = TLanes.MultiplyAdd(c, v, c1);
            v = TLanes.Load(x2 + k);
            a2 = TLanes.MultiplyAdd(a, v, a2);
            b2 = TLanes.MultiplyAdd(b, v, b2);
            c2 = TLanes.MultiplyAdd(c, v, c2);
            v = TLanes.Load(x3 + k);
            a3 = TLanes.MultiplyAdd(a, v, a3);
            b3 = TLanes.MultiplyAdd(b, v, b3);
            c3 = TLanes.MultiplyAdd(c, v, c3);
            v = TLanes.Load(x4 + k);
            a4 = TLanes.MultiplyAdd(a, v, a4);
            b4 = TLanes.MultiplyAdd(b, v, b4);
            c4 = TLanes.MultiplyAdd(c, v, c4);
            v = TLanes.Load(x5 + k);
            a5 = TLanes.MultiplyAdd(a, v, a5);
            b5 = TLanes.MultiplyAdd(b, v, b5);
            c5 = TLanes.MultiplyAdd(c, v, c5);
            v = TLanes.Load(x6 + k);
            a6 = TLanes.MultiplyAdd(a, v, a6);
            b6 = TLanes.MultiplyAdd(b, v, b6);
            c6 = TLanes.MultiplyAdd(c, v, c6);
            v = TLanes.Load(x7 + k);
            a7 = TLanes.MultiplyAdd(a, v, a7);
            b7 = TLanes.MultiplyAdd(b, v, b7);
            c7 = TLanes.MultiplyAdd(c, v, c7);
        }

        PrefetchRest(next, columns, 3, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * TLanes.Count, a4, a5, a6, a7);
        Store4(sums + 8 * TLanes.Count, b0, b1, b2, b3);
        Store4(sums + 12 * TLanes.Count, b4, b5, b6, b7);
        Store4(sums + 16 * TLanes.Count, c0, c1, c2, c3);
        Store4(sums + 20 * TLanes.Count, c4, c5, c6, c7);
    }

    /// <summary>Touches as many bytes of the next tile as a step at column k reads of this one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* next, nint k, int rows)
    {
        int step = rows * TLanes.Count * TFormat.ElementBytes;
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(next + k * rows * TFormat.ElementBytes);
        if (step > 64)
            Sse.Prefetch0(next + k * rows * TFormat.ElementBytes + 64);
        if (step > 128)
        {
            Sse.Prefetch0(next + k * rows * TFormat.ElementBytes + 128);
            Sse.Prefetch0(next + k * rows * TFormat.ElementBytes + 192);
        }
    }

    /// <summary>Touches what the steps have not: a tile is longer than its elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchRest(byte* next, int columns, int rows, long stride)
    {
        if (!TFormat.HasScales || !Sse.IsSupported)
            return;
        for (long offset = (long)rows * columns * TFormat.ElementBytes; offset < rows * stride; offset += 64)
            Sse.Prefetch0(next + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store4(float* sums, TLanes a, TLanes b, TLanes c, TLanes d)
    {
        TLanes.Store(a, sums);
        TLanes.Store(b, sums + TLanes.Count);
        TLanes.Store(c, sums + 2 * TLanes.Count);
        TLanes.Store(d, sums + 3 * TLanes.Count);
    }
}
