using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Σ x² over a run of elements, in double precision.</summary>
internal static unsafe class SumOfSquares
{
    /// <summary>The definition.</summary>
    public static double Scalar(float* values, int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += (double)values[i] * values[i];
        return sum;
    }

    /// <summary>The same on a multiple of 32 elements. Eight at a time are enough for the speed of memory.</summary>
    public static double Run(float* values, int count)
    {
        Vector256<double> low = Vector256<double>.Zero, high = Vector256<double>.Zero;
        for (int i = 0; i < count; i += Vector256<float>.Count)
        {
            (Vector256<double> a, Vector256<double> b) = Vector256.Widen(Vector256.Load(values + i));
            low += a * a;
            high += b * b;
        }
        return Vector256.Sum(low + high);
    }
}
