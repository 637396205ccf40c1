using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>The cross-entropy of one row, log Σ e^x − x[target], and its gradient times a scale over the row.</summary>
internal static unsafe class CrossEntropy
{
    // Sums in floats of at most this many columns are added in double: a vocabulary has 152,000.
    private const int BlockColumns = 1024;

    /// <summary>The definition, accumulated in double.</summary>
    public static double Scalar(float* logits, int target, float gradientScale, int columns)
    {
        double largest = double.NegativeInfinity;
        for (int i = 0; i < columns; i++)
            largest = Math.Max(largest, logits[i]);
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += Math.Exp(logits[i] - largest);
        double loss = Math.Log(sum) + (largest - logits[target]);
        for (int i = 0; i < columns; i++)
            logits[i] = (float)((Math.Exp(logits[i] - largest) / sum - (i == target ? 1 : 0)) * gradientScale);
        return loss;
    }

    /// <summary>The same on a row padded with zeros to a multiple of 32.</summary>
    public static double Row(int lanes, float* logits, int target, float gradientScale, int columns) => lanes == Lanes512.Width
        ? Row<Lanes512, Vector512<float>>(logits, target, gradientScale, columns)
        : Row<Lanes256, Vector256<float>>(logits, target, gradientScale, columns);

    private static double Row<L, V>(float* logits, int target, float gradientScale, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V lowest = L.Broadcast(float.NegativeInfinity), largest = lowest, largest2 = lowest;
        for (int i = 0; i < columns; i += 2 * L.Width)
        {
            largest = L.Max(largest, L.First(L.Load(logits + i), columns - i, lowest));
            largest2 = L.Max(largest2, L.First(L.Load(logits + i + L.Width), columns - i - L.Width, lowest));
        }
        float max = L.Largest(L.Max(largest, largest2));
        V origin = L.Broadcast(max);
        // The target is left out: the others' sum, which its gradient is, loses no digits where the model is sure.
        double margin = (double)max - logits[target], others = 0;
        logits[target] = float.NegativeInfinity;
        for (int start = 0; start < columns; start += BlockColumns)
        {
            int end = Math.Min(start + BlockColumns, columns);
            V even = L.Zero, odd = L.Zero;
            for (int i = start; i < end; i += 2 * L.Width)
            {
                V a = L.First(Exponential.Exp<L, V>(L.Sub(L.Load(logits + i), origin)), columns - i, L.Zero);
                V b = L.First(Exponential.Exp<L, V>(L.Sub(L.Load(logits + i + L.Width), origin)), columns - i - L.Width, L.Zero);
                even = L.Add(even, a);
                odd = L.Add(odd, b);
                L.Store(logits + i, a);
                L.Store(logits + i + L.Width, b);
            }
            others += L.Sum(L.Add(even, odd));
        }
        double sum = others + Math.Exp(-margin);
        V scale = L.Broadcast((float)(gradientScale / sum));
        for (int i = 0; i < columns; i += L.Width)
            L.Store(logits + i, L.First(L.Mul(L.Load(logits + i), scale), columns - i, L.Zero));
        logits[target] = (float)(-others / sum * gradientScale);
        return Math.Log(sum) + margin;
    }
}
