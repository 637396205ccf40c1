using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Numerics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>GELU over a run of elements (arXiv 1606.08415), exact or by its tanh approximation.</summary>
internal static unsafe class Gelu
{
    private const double SqrtTwoOverPi = 0.79788456080286535588;
    private const double Cubic = 0.044715;

    /// <summary>The definition.</summary>
    public static void Scalar(float* input, float* output, int count, GeluKind kind)
    {
        for (int i = 0; i < count; i++)
        {
            double x = input[i];
            double bend = kind == GeluKind.Tanh
                ? Math.Tanh(SqrtTwoOverPi * (x + Cubic * x * x * x))
                : ErrorFunction.Erf(x / Math.Sqrt(2));
            output[i] = (float)(0.5 * x * (1 + bend));
        }
    }

    /// <summary>The same on a multiple of 32 elements; zeros give zeros, so padding stays.</summary>
    public static void Run(int lanes, float* input, float* output, int count, GeluKind kind)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(input, output, count, kind);
        else
            Run<Lanes256, Vector256<float>>(input, output, count, kind);
    }

    private static void Run<L, V>(float* input, float* output, int count, GeluKind kind)
        where L : struct, ILanes<V>
        where V : struct
    {
        if (kind == GeluKind.Tanh)
        {
            for (int i = 0; i < count; i += L.Width)
                L.Store(output + i, Tanh<L, V>(L.Load(input + i)));
        }
        else
        {
            for (int i = 0; i < count; i += L.Width)
            {
                V x = L.Load(input + i);
                L.Store(output + i, L.Mul(x, NormalDistribution<L, V>(x)));
            }
        }
    }

    /// <summary>x / (1 + e^(−2u)), which is 0.5 · x · (1 + tanh u) without its cancellation for negative u.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tanh<L, V>(V x)
        where L : struct, ILanes<V>
        where V : struct
    {
        V factor = L.Fma(L.Mul(x, x), L.Broadcast((float)(-2 * SqrtTwoOverPi * Cubic)), L.Broadcast((float)(-2 * SqrtTwoOverPi)));
        return L.Div(x, L.Add(L.Broadcast(1f), Exponential.Exp<L, V>(L.Mul(x, factor))));
    }

    /// <summary>
    /// Φ(x), with 2·Φ(−a) = erfc(a/√2) = e^(a · g(a)) for a = |x|. g is a Chebyshev fit on [0, 5.6], where erfc is off by at
    /// most 9e−9; beyond, both are below 4e−8 and fall to zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V NormalDistribution<L, V>(V x)
        where L : struct, ILanes<V>
        where V : struct
    {
        V a = L.Abs(x);
        V g = L.Broadcast(-1.662202737e-10f);
        g = L.Fma(g, a, L.Broadcast(7.377831235e-9f));
        g = L.Fma(g, a, L.Broadcast(-1.484308143e-7f));
        g = L.Fma(g, a, L.Broadcast(1.785096856e-6f));
        g = L.Fma(g, a, L.Broadcast(-1.41536002e-5f));
        g = L.Fma(g, a, L.Broadcast(7.537739293e-5f));
        g = L.Fma(g, a, L.Broadcast(-2.415201452e-4f));
        g = L.Fma(g, a, L.Broadcast(6.175460294e-5f));
        g = L.Fma(g, a, L.Broadcast(4.769336898e-3f));
        g = L.Fma(g, a, L.Broadcast(-0.03633207083f));
        g = L.Fma(g, a, L.Broadcast(-0.3183102906f));
        g = L.Fma(g, a, L.Broadcast(-0.7978845239f));
        V tail = L.Mul(L.Broadcast(0.5f), Exponential.Exp<L, V>(L.Mul(g, a)));
        return L.BySign(x, tail, L.Sub(L.Broadcast(1f), tail));
    }
}
