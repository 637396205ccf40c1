using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of the gradient of <see cref="Softmax"/>: dx += p ∘ (dy − Σ p ∘ dy).</summary>
internal static unsafe class SoftmaxBackward
{
    /// <summary>The definition, accumulated in double.</summary>
    public static void Scalar(float* probabilities, float* outputGradient, float* inputGradient, int columns)
    {
        double dot = 0;
        for (int i = 0; i < columns; i++)
            dot += (double)probabilities[i] * outputGradient[i];
        for (int i = 0; i < columns; i++)
            inputGradient[i] = (float)(inputGradient[i] + probabilities[i] * (outputGradient[i] - dot));
    }

    /// <summary>The same on rows padded with zeros to a multiple of 32.</summary>
    public static void Row(int lanes, float* probabilities, float* outputGradient, float* inputGradient, int columns)
    {
        if (lanes == Lanes512.Width)
            Row<Lanes512, Vector512<float>>(probabilities, outputGradient, inputGradient, columns);
        else
            Row<Lanes256, Vector256<float>>(probabilities, outputGradient, inputGradient, columns);
    }

    private static void Row<L, V>(float* probabilities, float* outputGradient, float* inputGradient, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V sum = L.Zero;
        for (int i = 0; i < columns; i += L.Width)
            sum = L.Fma(L.Load(probabilities + i), L.Load(outputGradient + i), sum);
        V dot = L.Broadcast(L.Sum(sum));
        for (int i = 0; i < columns; i += L.Width)
        {
            V gradient = L.Fma(L.Load(probabilities + i), L.Sub(L.Load(outputGradient + i), dot), L.Load(inputGradient + i));
            L.Store(inputGradient + i, L.First(gradient, columns - i, L.Zero));
        }
    }
}
