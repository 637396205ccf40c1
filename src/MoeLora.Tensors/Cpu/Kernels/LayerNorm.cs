using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of layer normalisation (arXiv 1607.06450) with the population variance.</summary>
internal static unsafe class LayerNorm
{
    /// <summary>The definition, in two passes, accumulated in double.</summary>
    public static void Scalar(float* input, float* weight, float* bias, float epsilon, float* output, int columns)
    {
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += input[i];
        double mean = sum / columns;
        double squares = 0;
        for (int i = 0; i < columns; i++)
            squares += (input[i] - mean) * (input[i] - mean);
        double factor = 1 / Math.Sqrt(squares / columns + epsilon);
        for (int i = 0; i < columns; i++)
            output[i] = (float)((input[i] - mean) * factor * weight[i] + bias[i]);
    }

    /// <summary>The same, also in two passes, on rows padded with zeros to a multiple of 32.</summary>
    public static void Row(int lanes, float* input, float* weight, float* bias, float epsilon, float* output, int columns)
    {
        if (lanes == Lanes512.Width)
            Row<Lanes512, Vector512<float>>(input, weight, bias, epsilon, output, columns);
        else
            Row<Lanes256, Vector256<float>>(input, weight, bias, epsilon, output, columns);
    }

    private static void Row<L, V>(float* input, float* weight, float* bias, float epsilon, float* output, int columns)
        where L : struct, ILanes<V>
        where V : struct
    {
        V even = L.Zero, odd = L.Zero;
        for (int i = 0; i < columns; i += 2 * L.Width)
        {
            even = L.Add(even, L.Load(input + i));
            odd = L.Add(odd, L.Load(input + i + L.Width));
        }
        V mean = L.Broadcast(L.Sum(L.Add(even, odd)) / columns);

        V squares = L.Zero;
        for (int i = 0; i < columns; i += L.Width)
        {
            V centred = L.First(L.Sub(L.Load(input + i), mean), columns - i, L.Zero);
            squares = L.Fma(centred, centred, squares);
        }
        V factor = L.Broadcast(1 / MathF.Sqrt(L.Sum(squares) / columns + epsilon));
        for (int i = 0; i < columns; i += L.Width)
        {
            V normal = L.Mul(L.Sub(L.Load(input + i), mean), factor);
            L.Store(output + i, L.First(L.Fma(normal, L.Load(weight + i), L.Load(bias + i)), columns - i, L.Zero));
        }
    }
}
