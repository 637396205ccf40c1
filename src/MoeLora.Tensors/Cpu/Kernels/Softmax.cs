using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of e^(x − max) / Σ e^(x − max), in place.</summary>
internal static unsafe class Softmax
{
    /// <summary>The definition, accumulated in double.</summary>
    public static void Scalar(float* values, int columns)
    {
        double largest = double.NegativeInfinity;
        for (int i = 0; i < columns; i++)
            largest = Math.Max(largest, values[i]);
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += Math.Exp(values[i] - largest);
        for (int i = 0; i < columns; i++)
            values[i] = (float)(Math.Exp(values[i] - largest) / sum);
    }

    /// <summary>The same on a row padded with zeros to a multiple of 32.</summary>
    public static void Row(int lanes, float* values, int columns)
    {
        if (lanes == Lanes512.Width)
            Row<Lanes512, Vector512<float>>(values, columns);
        else
            Row<Lanes256, Vector256<float>>(values, columns);
    }

    private static void Row<L, V>(float* values, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V lowest = L.Broadcast(float.NegativeInfinity);
        V largest = lowest;
        for (int i = 0; i < columns; i += L.Width)
            largest = L.Max(largest, L.First(L.Load(values + i), columns - i, lowest));
        V max = L.Broadcast(L.Largest(largest));

        V sum = L.Zero;
        for (int i = 0; i < columns; i += L.Width)
        {
            V power = L.First(Exponential.Exp<L, V>(L.Sub(L.Load(values + i), max)), columns - i, L.Zero);
            sum = L.Add(sum, power);
            L.Store(values + i, power);
        }
        // A division, not a product with 1 / sum: the probabilities of equal scores are then exactly 1 / count.
        V total = L.Broadcast(L.Sum(sum));
        for (int i = 0; i < columns; i += L.Width)
            L.Store(values + i, L.First(L.Div(L.Load(values + i), total), columns - i, L.Zero));
    }
}
