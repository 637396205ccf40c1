using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// One row of the gradient of <see cref="LayerNorm"/>: with f = 1 / √(variance + ε), n = (x − mean) · f and g = weight ∘ dy,
/// dx += f · (g − mean(g) − n · mean(g ∘ n)).
/// </summary>
internal static unsafe class LayerNormBackward
{
    /// <summary>The definition, accumulated in double.</summary>
    /// <returns>The row's mean, and f.</returns>
    public static (double Mean, double Factor) Scalar(float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
    {
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += input[i];
        double mean = sum / columns;
        double squares = 0, total = 0, dot = 0;
        for (int i = 0; i < columns; i++)
        {
            double centred = input[i] - mean, gradient = (double)weight[i] * outputGradient[i];
            squares += centred * centred;
            total += gradient;
            dot += gradient * centred;
        }
        double factor = 1 / Math.Sqrt(squares / columns + epsilon);
        double shift = total / columns, pull = dot / columns * factor * factor;
        for (int i = 0; i < columns; i++)
            inputGradient[i] = (float)(inputGradient[i] + factor * ((double)weight[i] * outputGradient[i] - shift - (input[i] - mean) * pull));
        return (mean, factor);
    }

    /// <summary>The same on rows padded with zeros to a multiple of 32.</summary>
    /// <returns>The row's mean, and f.</returns>
    public static (float Mean, float Factor) Row(
        int lanes, float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
        => lanes == Lanes512.Width
            ? Row<Lanes512, Vector512<float>>(input, weight, epsilon, outputGradient, inputGradient, columns)
            : Row<Lanes256, Vector256<float>>(input, weight, epsilon, outputGradient, inputGradient, columns);

    private static (float Mean, float Factor) Row<L, V>(
        float* input, float* weight, float epsilon, float* outputGradient, float* inputGradient, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V even = L.Zero, odd = L.Zero;
        for (int i = 0; i < columns; i += 2 * L.Width)
        {
            even = L.Add(even, L.Load(input + i));
            odd = L.Add(odd, L.Load(input + i + L.Width));
        }
        float mean = L.Sum(L.Add(even, odd)) / columns;
        V origin = L.Broadcast(mean), squares = L.Zero, total = L.Zero, dot = L.Zero;
        for (int i = 0; i < columns; i += L.Width)
        {
            V centred = L.First(L.Sub(L.Load(input + i), origin), columns - i, L.Zero);
            V gradient = L.Mul(L.Load(weight + i), L.Load(outputGradient + i));
            squares = L.Fma(centred, centred, squares);
            total = L.Add(total, gradient);
            dot = L.Fma(gradient, centred, dot);
        }
        float factor = 1 / MathF.Sqrt(L.Sum(squares) / columns + epsilon);
        V scale = L.Broadcast(factor), shift = L.Broadcast(L.Sum(total) / columns), pull = L.Broadcast(L.Sum(dot) / columns * factor * factor);
        for (int i = 0; i < columns; i += L.Width)
        {
            V gradient = L.Sub(L.Mul(L.Load(weight + i), L.Load(outputGradient + i)), shift);
            gradient = L.FmaNegated(L.Sub(L.Load(input + i), origin), pull, gradient);
            L.Store(inputGradient + i, L.First(L.Fma(gradient, scale, L.Load(inputGradient + i)), columns - i, L.Zero));
        }
        return (mean, factor);
    }
}
