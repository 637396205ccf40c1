using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Dot products of a few weight rows with a few input rows, the inner loop of <see cref="RowKernel{L, V}"/>. Each (weight row, input
/// row) pair has one register of partial sums: lane l sums the columns k ≡ l modulo the width, in ascending order. That order is the same in every
/// tile shape, which is what makes results independent of the batch.
/// </summary>
/// <remarks>
/// A tile stores its registers to <c>sums</c>, weight row by weight row, so that the epilogue can add the low-rank part before it sums the lanes.
/// Rows follow each other in memory, so the bytes after the tile are the next tile's: they are prefetched while this one is computed,
/// scales and padding included.
/// The inputs are read from memory at each use because the JIT folds such a load into the multiply-add.
/// </remarks>
internal static unsafe class DotTile<L, V, TFormat>
    where L : struct, IDenseLanes<V>
    where V : struct
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
        V a0 = L.Zero;
        V b0 = L.Zero;
        V c0 = L.Zero;
        V d0 = L.Zero;
        for (nint k = 0; k < columns; k += L.Width)
        {
            Prefetch(next, k, 4);
            V a = TFormat.Load<L, V>(w, scales, k);
            V b = TFormat.Load<L, V>(w1, s1, k);
            V c = TFormat.Load<L, V>(w2, s2, k);
            V d = TFormat.Load<L, V>(w3, s3, k);
            a0 = L.Fma(a, L.Load(x0 + k), a0);
            b0 = L.Fma(b, L.Load(x0 + k), b0);
            c0 = L.Fma(c, L.Load(x0 + k), c0);
            d0 = L.Fma(d, L.Load(x0 + k), d0);
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
        V a0 = L.Zero, a1 = L.Zero;
        V b0 = L.Zero, b1 = L.Zero;
        V c0 = L.Zero, c1 = L.Zero;
        V d0 = L.Zero, d1 = L.Zero;
        for (nint k = 0; k < columns; k += L.Width)
        {
            Prefetch(next, k, 4);
            V a = TFormat.Load<L, V>(w, scales, k);
            V b = TFormat.Load<L, V>(w1, s1, k);
            V c = TFormat.Load<L, V>(w2, s2, k);
            V d = TFormat.Load<L, V>(w3, s3, k);
            a0 = L.Fma(a, L.Load(x0 + k), a0);
            b0 = L.Fma(b, L.Load(x0 + k), b0);
            c0 = L.Fma(c, L.Load(x0 + k), c0);
            d0 = L.Fma(d, L.Load(x0 + k), d0);
            a1 = L.Fma(a, L.Load(x1 + k), a1);
            b1 = L.Fma(b, L.Load(x1 + k), b1);
            c1 = L.Fma(c, L.Load(x1 + k), c1);
            d1 = L.Fma(d, L.Load(x1 + k), d1);
        }

        PrefetchRest(next, columns, 4, stride);
        Store4(sums, a0, a1, b0, b1);
        Store4(sums + 4 * L.Width, c0, c1, d0, d1);
    }

    /// <summary>Two weight rows, four input rows.</summary>
    public static void Run2x4(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + 2 * stride;
        byte* w1 = w + stride;
        float* s1 = scales + scaleStride;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        V a0 = L.Zero, a1 = L.Zero, a2 = L.Zero, a3 = L.Zero;
        V b0 = L.Zero, b1 = L.Zero, b2 = L.Zero, b3 = L.Zero;
        for (nint k = 0; k < columns; k += L.Width)
        {
            Prefetch(next, k, 2);
            V a = TFormat.Load<L, V>(w, scales, k);
            V b = TFormat.Load<L, V>(w1, s1, k);
            a0 = L.Fma(a, L.Load(x0 + k), a0);
            b0 = L.Fma(b, L.Load(x0 + k), b0);
            a1 = L.Fma(a, L.Load(x1 + k), a1);
            b1 = L.Fma(b, L.Load(x1 + k), b1);
            a2 = L.Fma(a, L.Load(x2 + k), a2);
            b2 = L.Fma(b, L.Load(x2 + k), b2);
            a3 = L.Fma(a, L.Load(x3 + k), a3);
            b3 = L.Fma(b, L.Load(x3 + k), b3);
        }

        PrefetchRest(next, columns, 2, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * L.Width, b0, b1, b2, b3);
    }

    /// <summary>One weight row, eight input rows.</summary>
    public static void Run1x8(byte* w, long stride, float* scales, int scaleStride, float** x, int columns, float* sums)
    {
        byte* next = w - TFormat.ElementOffset(columns) + stride;
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5], x6 = x[6], x7 = x[7];
        V a0 = L.Zero, a1 = L.Zero, a2 = L.Zero, a3 = L.Zero;
        V a4 = L.Zero, a5 = L.Zero, a6 = L.Zero, a7 = L.Zero;
        for (nint k = 0; k < columns; k += L.Width)
        {
            Prefetch(next, k, 1);
            V a = TFormat.Load<L, V>(w, scales, k);
            a0 = L.Fma(a, L.Load(x0 + k), a0);
            a1 = L.Fma(a, L.Load(x1 + k), a1);
            a2 = L.Fma(a, L.Load(x2 + k), a2);
            a3 = L.Fma(a, L.Load(x3 + k), a3);
            a4 = L.Fma(a, L.Load(x4 + k), a4);
            a5 = L.Fma(a, L.Load(x5 + k), a5);
            a6 = L.Fma(a, L.Load(x6 + k), a6);
            a7 = L.Fma(a, L.Load(x7 + k), a7);
        }

        PrefetchRest(next, columns, 1, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * L.Width, a4, a5, a6, a7);
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
        V a0 = L.Zero, a1 = L.Zero, a2 = L.Zero, a3 = L.Zero;
        V a4 = L.Zero, a5 = L.Zero, a6 = L.Zero, a7 = L.Zero;
        V b0 = L.Zero, b1 = L.Zero, b2 = L.Zero, b3 = L.Zero;
        V b4 = L.Zero, b5 = L.Zero, b6 = L.Zero, b7 = L.Zero;
        V c0 = L.Zero, c1 = L.Zero, c2 = L.Zero, c3 = L.Zero;
        V c4 = L.Zero, c5 = L.Zero, c6 = L.Zero, c7 = L.Zero;
        for (nint k = 0; k < columns; k += L.Width)
        {
            Prefetch(next, k, 3);
            V a = TFormat.Load<L, V>(w, scales, k), b = TFormat.Load<L, V>(w1, s1, k), c = TFormat.Load<L, V>(w2, s2, k);
            V v = L.Load(x0 + k);
            a0 = L.Fma(a, v, a0);
            b0 = L.Fma(b, v, b0);
            c0 = L.Fma(c, v, c0);
            v = L.Load(x1 + k);
            a1 = L.Fma(a, v, a1);
            b1 = L.Fma(b, v, b1);
            c1 = L.Fma(c, v, c1);
            v = L.Load(x2 + k);
            a2 = L.Fma(a, v, a2);
            b2 = L.Fma(b, v, b2);
            c2 = L.Fma(c, v, c2);
            v = L.Load(x3 + k);
            a3 = L.Fma(a, v, a3);
            b3 = L.Fma(b, v, b3);
            c3 = L.Fma(c, v, c3);
            v = L.Load(x4 + k);
            a4 = L.Fma(a, v, a4);
            b4 = L.Fma(b, v, b4);
            c4 = L.Fma(c, v, c4);
            v = L.Load(x5 + k);
            a5 = L.Fma(a, v, a5);
            b5 = L.Fma(b, v, b5);
            c5 = L.Fma(c, v, c5);
            v = L.Load(x6 + k);
            a6 = L.Fma(a, v, a6);
            b6 = L.Fma(b, v, b6);
            c6 = L.Fma(c, v, c6);
            v = L.Load(x7 + k);
            a7 = L.Fma(a, v, a7);
            b7 = L.Fma(b, v, b7);
            c7 = L.Fma(c, v, c7);
        }

        PrefetchRest(next, columns, 3, stride);
        Store4(sums, a0, a1, a2, a3);
        Store4(sums + 4 * L.Width, a4, a5, a6, a7);
        Store4(sums + 8 * L.Width, b0, b1, b2, b3);
        Store4(sums + 12 * L.Width, b4, b5, b6, b7);
        Store4(sums + 16 * L.Width, c0, c1, c2, c3);
        Store4(sums + 20 * L.Width, c4, c5, c6, c7);
    }

    /// <summary>Touches as many bytes of the next tile as a step at column k reads of this one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* next, nint k, int rows)
    {
        int step = rows * L.Width * TFormat.ElementBytes;
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
    private static void Store4(float* sums, V a, V b, V c, V d)
    {
        L.Store(sums, a);
        L.Store(sums + L.Width, b);
        L.Store(sums + 2 * L.Width, c);
        L.Store(sums + 3 * L.Width, d);
    }
}
