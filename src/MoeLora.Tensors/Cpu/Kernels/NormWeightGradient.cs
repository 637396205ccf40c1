using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>What one row adds to the gradient of a norm's weight: dy ∘ (x − mean) · factor.</summary>
internal static unsafe class NormWeightGradient
{
    /// <summary>The definition, into sums in double.</summary>
    public static void Scalar(float* input, float* outputGradient, double mean, double factor, double[] sums)
    {
        for (int i = 0; i < sums.Length; i++)
            sums[i] += outputGradient[i] * (input[i] - mean) * factor;
    }

    /// <summary>The same on rows padded with zeros to a multiple of 32; what the padding of <paramref name="sums"/> holds afterwards is not defined.</summary>
    public static void Add(int lanes, float* input, float* outputGradient, float mean, float factor, float* sums, int columns)
    {
        if (lanes == Lanes512.Width)
            Add<Lanes512, Vector512<float>>(input, outputGradient, mean, factor, sums, columns);
        else
            Add<Lanes256, Vector256<float>>(input, outputGradient, mean, factor, sums, columns);
    }

    private static void Add<L, V>(float* input, float* outputGradient, float mean, float factor, float* sums, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V origin = L.Broadcast(mean), scale = L.Broadcast(factor);
        for (int i = 0; i < columns; i += L.Width)
        {
            V normal = L.Mul(L.Sub(L.Load(input + i), origin), scale);
            L.Store(sums + i, L.Fma(L.Load(outputGradient + i), normal, L.Load(sums + i)));
        }
    }
}
