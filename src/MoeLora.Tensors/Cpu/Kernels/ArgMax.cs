using System.Numerics;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Where a row's largest value is.</summary>
internal static unsafe class ArgMax
{
    /// <summary>The first of equals; null when there is a NaN.</summary>
    public static int? Scalar(float* values, int columns)
    {
        int best = 0;
        for (int i = 0; i < columns; i++)
        {
            if (float.IsNaN(values[i]))
                return null;
            if (values[i] > values[best])
                best = i;
        }
        return best;
    }

    /// <summary>The same on a row padded to a multiple of 32.</summary>
    public static int? Row(int lanes, float* values, int columns) => lanes == Lanes512.Width
        ? Row<Lanes512, Vector512<float>>(values, columns)
        : Row<Lanes256, Vector256<float>>(values, columns);

    /// <summary>One pass for the largest value, another up to the first place that holds it.</summary>
    private static int? Row<L, V>(float* values, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V lowest = L.Broadcast(float.NegativeInfinity);
        V largest = lowest;
        for (int i = 0; i < columns; i += L.Width)
        {
            V value = L.First(L.Load(values + i), columns - i, lowest);
            if (L.AnyNaN(value))
                return null;
            largest = L.Max(largest, value);
        }
        V max = L.Broadcast(L.Largest(largest));
        for (int i = 0; ; i += L.Width)
        {
            ulong equal = L.EqualMask(L.Load(values + i), max);
            if (equal != 0)
                return i + BitOperations.TrailingZeroCount(equal);
        }
    }
}
