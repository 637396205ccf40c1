using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Rotation of one head's pairs (x_j, x_{j + half}) (arXiv 2104.09864, in the order that Hugging Face models use).</summary>
internal static unsafe class Rotary
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* head, float* cos, float* sin, int half)
    {
        for (int j = 0; j < half; j++)
            Pair(head, cos, sin, half, j);
    }

    /// <summary>The same by vectors; the pairs that do not fill one are turned as defined.</summary>
    public static void Head(int lanes, float* head, float* cos, float* sin, int half)
    {
        if (lanes == Lanes512.Width)
            Head<Lanes512, Vector512<float>>(head, cos, sin, half);
        else
            Head<Lanes256, Vector256<float>>(head, cos, sin, half);
    }

    private static void Head<L, V>(float* head, float* cos, float* sin, int half)
        where L : struct, ILanes<V>
        where V : struct
    {
        int j = 0;
        for (; j + L.Width <= half; j += L.Width)
        {
            V x = L.Load(head + j), y = L.Load(head + half + j), c = L.Load(cos + j), s = L.Load(sin + j);
            L.Store(head + j, L.FmaNegated(y, s, L.Mul(x, c)));
            L.Store(head + half + j, L.Fma(x, s, L.Mul(y, c)));
        }
        for (; j < half; j++)
            Pair(head, cos, sin, half, j);
    }

    private static void Pair(float* head, float* cos, float* sin, int half, int j)
    {
        double x = head[j], y = head[j + half];
        head[j] = (float)(x * cos[j] - y * sin[j]);
        head[j + half] = (float)(y * cos[j] + x * sin[j]);
    }
}
