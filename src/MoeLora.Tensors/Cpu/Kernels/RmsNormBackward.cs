using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// One row of the gradient of <see cref="RmsNorm"/>: with f = 1 / √(mean(x²) + ε) and g = weight ∘ dy,
/// dx += f · g − x · f³ · mean(g ∘ x).
/// </summary>
internal static unsafe class RmsNormBackward
{
    /// <summary>The definition, accumulated in double.</summary>
    /// <returns>f.</returns>
    public static double Scalar(float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
    {
        double squares = 0, dot = 0;
        for (int i = 0; i < columns; i++)
        {
            squares += (double)input[i] * input[i];
            dot += (double)weight[i] * outputGradient[i] * input[i];
        }
        double factor = 1 / Math.Sqrt(squares / columns + epsilon);
        double pull = dot / columns * factor * factor * factor;
        for (int i = 0; i < columns; i++)
            inputGradient[i] = (float)(inputGradient[i] + ((double)weight[i] * outputGradient[i] * factor - input[i] * pull));
        return factor;
    }

    /// <summary>The same on rows padded with zeros to a multiple of 32.</summary>
    /// <returns>f.</returns>
    public static float Row(int lanes, float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
        => lanes == Lanes512.Width
            ? Row<Lanes512, Vector512<float>>(input, weight, epsilon, outputGradient, inputGradient, columns)
            : Row<Lanes256, Vector256<float>>(input, weight, epsilon, outputGradient, inputGradient, columns);

    private static float Row<L, V>(float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V squares = L.Zero, dot = L.Zero, squares2 = L.Zero, dot2 = L.Zero;
        for (int i = 0; i < columns; i += 2 * L.Width)
        {
            int j = i + L.Width;
            V x = L.Load(input + i), x2 = L.Load(input + j);
            squares = L.Fma(x, x, squares);
            squares2 = L.Fma(x2, x2, squares2);
            dot = L.Fma(L.Mul(L.Load(weight + i), L.Load(outputGradient + i)), x, dot);
            dot2 = L.Fma(L.Mul(L.Load(weight + j), L.Load(outputGradient + j)), x2, dot2);
        }
        float factor = 1 / MathF.Sqrt(L.Sum(L.Add(squares, squares2)) / columns + epsilon);
        V scale = L.Broadcast(factor), pull = L.Broadcast(L.Sum(L.Add(dot, dot2)) / columns * factor * factor * factor);
        for (int i = 0; i < columns; i += L.Width)
        {
            V gradient = L.Mul(L.Mul(L.Load(weight + i), L.Load(outputGradient + i)), scale);
            gradient = L.Add(L.Load(inputGradient + i), L.FmaNegated(L.Load(input + i), pull, gradient));
            // The mask keeps the padding zero when the factor is not finite.
            L.Store(inputGradient + i, L.First(gradient, columns - i, L.Zero));
        }
        return factor;
    }
}
