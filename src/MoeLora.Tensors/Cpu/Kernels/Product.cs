using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>output = beta · output + a ∘ b over a run of elements; beta 0 overwrites without reading.</summary>
internal static unsafe class Product
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* a, float* b, float beta, float* output, int count)
    {
        for (int i = 0; i < count; i++)
        {
            double product = (double)a[i] * b[i];
            output[i] = (float)(beta == 0 ? product : (double)beta * output[i] + product);
        }
    }

    /// <summary>The same on rows padded to a multiple of 32; the padding becomes zero.</summary>
    public static void Run(int lanes, float* a, float* b, float beta, float* output, int count)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(a, b, beta, output, count);
        else
            Run<Lanes256, Vector256<float>>(a, b, beta, output, count);
    }

    private static void Run<L, V>(float* a, float* b, float beta, float* output, int count)
        where L : struct, ILanes<V>
        where V : struct
    {
        V factor = L.Broadcast(beta);
        for (int i = 0; i < count; i += L.Width)
        {
            V x = L.Load(a + i), y = L.Load(b + i);
            V value = beta == 0 ? L.Mul(x, y) : L.Fma(x, y, L.Mul(factor, L.Load(output + i)));
            // The mask keeps the padding zero when beta is not finite.
            L.Store(output + i, L.First(value, count - i, L.Zero));
        }
    }
}
