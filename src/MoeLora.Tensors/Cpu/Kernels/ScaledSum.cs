using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>destination += scale · source over a run of elements.</summary>
internal static unsafe class ScaledSum
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* source, float scale, float* destination, int count)
    {
        for (int i = 0; i < count; i++)
            destination[i] = (float)(destination[i] + (double)scale * source[i]);
    }

    /// <summary>The same on rows padded to a multiple of 32; the padding becomes zero.</summary>
    public static void Run(int lanes, float* source, float scale, float* destination, int count)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(source, scale, destination, count);
        else
            Run<Lanes256, Vector256<float>>(source, scale, destination, count);
    }

    private static void Run<L, V>(float* source, float scale, float* destination, int count)
        where L : struct, ILanes<V>
        where V : struct
    {
        V factor = L.Broadcast(scale);
        for (int i = 0; i < count; i += L.Width)
        {
            // The mask keeps the padding zero when the factor is not finite.
            V sum = L.Fma(L.Load(source + i), factor, L.Load(destination + i));
            L.Store(destination + i, L.First(sum, count - i, L.Zero));
        }
    }
}
