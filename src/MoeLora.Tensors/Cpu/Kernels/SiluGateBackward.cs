using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// The gradients of <see cref="SiluGate"/> over a run of elements: with s = 1 / (1 + e^−gate),
/// dgate += dy · up · s · (1 + gate · (1 − s)) and dup += dy · gate · s.
/// </summary>
internal static unsafe class SiluGateBackward
{
    // Past ±100 the derivative is 0 or 1 to the last bit of a float; infinities have these limits, too.
    private const float Bound = 100;

    /// <summary>The definition.</summary>
    public static void Scalar(float* gate, float* up, float* outputGradient, float* gateGradient, float* upGradient, int count)
    {
        for (int i = 0; i < count; i++)
        {
            double x = Math.Clamp(gate[i], -Bound, Bound), gradient = outputGradient[i];
            double sigmoid = 1 / (1 + Math.Exp(-x));
            gateGradient[i] = (float)(gateGradient[i] + gradient * up[i] * (sigmoid * (1 + x * (1 - sigmoid))));
            upGradient[i] = (float)(upGradient[i] + gradient * (gate[i] / (1 + Math.Exp(-(double)gate[i]))));
        }
    }

    /// <summary>The same on a multiple of 32 elements; zero gradients add zeros, so padding stays.</summary>
    public static void Run(int lanes, float* gate, float* up, float* outputGradient, float* gateGradient, float* upGradient, int count)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(gate, up, outputGradient, gateGradient, upGradient, count);
        else
            Run<Lanes256, Vector256<float>>(gate, up, outputGradient, gateGradient, upGradient, count);
    }

    private static void Run<L, V>(float* gate, float* up, float* outputGradient, float* gateGradient, float* upGradient, int count)
        where L : struct, ILanes<V>
        where V : struct
    {
        V one = L.Broadcast(1f), lowest = L.Broadcast(-Bound), highest = L.Broadcast(Bound);
        for (int i = 0; i < count; i += L.Width)
        {
            V x = L.Load(gate + i), gradient = L.Load(outputGradient + i);
            V grown = L.Add(one, Exponential.Exp<L, V>(L.Negate(x)));
            L.Store(upGradient + i, L.Fma(gradient, L.Div(x, grown), L.Load(upGradient + i)));
            V sigmoid = L.Div(one, grown);
            // The constants first: a NaN passes through.
            V bounded = L.Max(lowest, L.Min(highest, x));
            V slope = L.Mul(sigmoid, L.Fma(bounded, L.Sub(one, sigmoid), one));
            L.Store(gateGradient + i, L.Fma(L.Mul(gradient, L.Load(up + i)), slope, L.Load(gateGradient + i)));
        }
    }
}
