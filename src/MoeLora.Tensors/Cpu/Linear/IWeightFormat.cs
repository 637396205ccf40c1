using System.Runtime.CompilerServices;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Reads the weights of a row as floats. A row is prepared once (Q8 widens its scales), then read 16 columns at a time.
/// Every kernel reads a weight through the same function, so the value of a weight does not depend on the kernel.
/// </summary>
internal unsafe interface IWeightFormat
{
    /// <summary>Whether <see cref="PrepareRow"/> fills a scale for each block of 32 columns.</summary>
    static abstract bool HasScales { get; }

    /// <summary>Bytes from a row's start to its first element.</summary>
    static abstract long ElementOffset(int columns);

    /// <summary>Bytes of one element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>Fills <paramref name="scales"/> for the row, where the format has any.</summary>
    static abstract void PrepareRow<L, V>(byte* row, int columns, float* scales)
        where L : struct, IDenseLanes<V>
        where V : struct;

    /// <summary>Elements [k, k + lanes) of a row whose first element is at <paramref name="elements"/>.</summary>
    static abstract V Load<L, V>(byte* elements, float* scales, nint k)
        where L : struct, IDenseLanes<V>
        where V : struct;
}

internal readonly unsafe struct WeightsF32 : IWeightFormat
{
    public static bool HasScales => false;

    public static int ElementBytes => 4;

    public static long ElementOffset(int columns) => 0;

    public static void PrepareRow<L, V>(byte* row, int columns, float* scales)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<L, V>(byte* elements, float* scales, nint k)
        where L : struct, IDenseLanes<V>
        where V : struct => L.Load((float*)elements + k);
}

internal readonly unsafe struct WeightsBF16 : IWeightFormat
{
    public static bool HasScales => false;

    public static int ElementBytes => 2;

    public static long ElementOffset(int columns) => 0;

    public static void PrepareRow<L, V>(byte* row, int columns, float* scales)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<L, V>(byte* elements, float* scales, nint k)
        where L : struct, IDenseLanes<V>
        where V : struct => L.LoadBF16((ushort*)elements + k);
}

internal readonly unsafe struct WeightsF16 : IWeightFormat
{
    public static bool HasScales => false;

    public static int ElementBytes => 2;

    public static long ElementOffset(int columns) => 0;

    public static void PrepareRow<L, V>(byte* row, int columns, float* scales)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<L, V>(byte* elements, float* scales, nint k)
        where L : struct, IDenseLanes<V>
        where V : struct => L.LoadF16((ushort*)elements + k);
}

internal readonly unsafe struct WeightsQ8 : IWeightFormat
{
    public static bool HasScales => true;

    public static int ElementBytes => 1;

    public static long ElementOffset(int columns) => Q8Format.QuantOffset(columns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareRow<L, V>(byte* row, int columns, float* scales)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        // The stored scales are padded to 64 bytes (32 scales), so whole registers may be read.
        int blocks = Q8Format.BlockCount(columns);
        for (int b = 0; b < blocks; b += L.Width)
            L.Store(scales + b, L.LoadBF16((ushort*)row + b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<L, V>(byte* elements, float* scales, nint k)
        where L : struct, IDenseLanes<V>
        where V : struct =>
        L.Mul(L.LoadI8((sbyte*)elements + k), L.Broadcast(scales[k >> Q8Format.BlockShift]));
}
