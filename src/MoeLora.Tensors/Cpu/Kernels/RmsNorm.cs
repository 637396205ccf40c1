using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of root-mean-square normalisation (arXiv 1910.07467, equation 4, with ε under the root).</summary>
internal static unsafe class RmsNorm
{
    /// <summary>The definition, accumulated in double.</summary>
    public static void Scalar(float* input, float* weight, float epsilon, float* output, int columns)
    {
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += (double)input[i] * input[i];
        double factor = 1 / Math.Sqrt(sum / columns + epsilon);
        for (int i = 0; i < columns; i++)
            output[i] = (float)(input[i] * factor * weight[i]);
    }

    /// <summary>The same on rows padded with zeros to a multiple of 32.</summary>
    public static void Row(int lanes, float* input, float* weight, float epsilon, float* output, int columns)
    {
        if (lanes == Lanes512.Width)
            Row<Lanes512, Vector512<float>>(input, weight, epsilon, output, columns);
        else
            Row<Lanes256, Vector256<float>>(input, weight, epsilon, output, columns);
    }

    private static void Row<L, V>(float* input, float* weight, float epsilon, float* output, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V even = L.Zero, odd = L.Zero;
        for (int i = 0; i < columns; i += 2 * L.Width)
        {
            V a = L.Load(input + i), b = L.Load(input + i + L.Width);
            even = L.Fma(a, a, even);
            odd = L.Fma(b, b, odd);
        }
        float factor = 1 / MathF.Sqrt(L.Sum(L.Add(even, odd)) / columns + epsilon);
        V scale = L.Broadcast(factor);
        for (int i = 0; i < columns; i += L.Width)
        {
            // The mask keeps the padding zero when the factor is not finite.
            V normal = L.Mul(L.Mul(L.Load(input + i), scale), L.Load(weight + i));
            L.Store(output + i, L.First(normal, columns - i, L.Zero));
        }
    }
}
