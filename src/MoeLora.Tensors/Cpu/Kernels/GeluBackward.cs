using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Numerics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// The gradient of <see cref="Gelu"/> over a run of elements: dx += dy · gelu′(x). Exact: gelu′ = Φ(x) + x · φ(x) with the normal
/// distribution's Φ and density φ. By tanh, with s = (1 + tanh u) / 2: gelu′ = s + 2 · x · s · (1 − s) · u′.
/// </summary>
internal static unsafe class GeluBackward
{
    private const double SqrtTwoOverPi = 0.79788456080286535588;
    private const double OneOverSqrtTwoPi = 0.39894228040143267794;
    private const double Cubic = 0.044715;

    // Past ±20 the derivative is 0 or 1 to the last bit of a float; infinities have these limits, too.
    private const float Bound = 20;

    /// <summary>The definition.</summary>
    public static void Scalar(float* input, float* outputGradient, float* inputGradient, int count, GeluKind kind)
    {
        for (int i = 0; i < count; i++)
        {
            double x = Math.Clamp(input[i], -Bound, Bound);
            double slope;
            if (kind == GeluKind.Tanh)
            {
                double bend = Math.Tanh(SqrtTwoOverPi * (x + Cubic * x * x * x));
                slope = 0.5 * (1 + bend) + 0.5 * x * (1 - bend * bend) * SqrtTwoOverPi * (1 + 3 * Cubic * x * x);
            }
            else
            {
                slope = 0.5 * (1 + ErrorFunction.Erf(x / Math.Sqrt(2))) + x * OneOverSqrtTwoPi * Math.Exp(-x * x / 2);
            }
            inputGradient[i] = (float)(inputGradient[i] + outputGradient[i] * slope);
        }
    }

    /// <summary>The same on a multiple of 32 elements; zero gradients add zeros, so padding stays.</summary>
    public static void Run(int lanes, float* input, float* outputGradient, float* inputGradient, int count, GeluKind kind)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(input, outputGradient, inputGradient, count, kind);
        else
            Run<Lanes256, Vector256<float>>(input, outputGradient, inputGradient, count, kind);
    }

    private static void Run<L, V>(float* input, float* outputGradient, float* inputGradient, int count, GeluKind kind)
        where L : struct, ILanes<V>
        where V : struct
    {
        V lowest = L.Broadcast(-Bound), highest = L.Broadcast(Bound);
        for (int i = 0; i < count; i += L.Width)
        {
            // The constants first: a NaN passes through.
            V x = L.Max(lowest, L.Min(highest, L.Load(input + i)));
            V slope = kind == GeluKind.Tanh ? Tanh<L, V>(x) : Erf<L, V>(x);
            L.Store(inputGradient + i, L.Fma(L.Load(outputGradient + i), slope, L.Load(inputGradient + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tanh<L, V>(V x)
        where L : struct, ILanes<V>
        where V : struct
    {
        V one = L.Broadcast(1f), square = L.Mul(x, x);
        V minusTwoU = L.Mul(x, L.Fma(square, L.Broadcast((float)(-2 * SqrtTwoOverPi * Cubic)), L.Broadcast((float)(-2 * SqrtTwoOverPi))));
        V s = L.Div(one, L.Add(one, Exponential.Exp<L, V>(minusTwoU)));
        V twoSlope = L.Fma(square, L.Broadcast((float)(6 * SqrtTwoOverPi * Cubic)), L.Broadcast((float)(2 * SqrtTwoOverPi)));
        return L.Fma(L.Mul(L.Mul(x, twoSlope), s), L.Sub(one, s), s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Erf<L, V>(V x)
        where L : struct, ILanes<V>
        where V : struct
    {
        V density = L.Mul(L.Broadcast((float)OneOverSqrtTwoPi), Exponential.Exp<L, V>(L.Mul(L.Mul(x, x), L.Broadcast(-0.5f))));
        return L.Fma(x, density, Gelu.NormalDistribution<L, V>(x));
    }
}
