using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>silu(gate) ∘ up over a run of elements, silu(x) = x / (1 + e^−x).</summary>
internal static unsafe class SiluGate
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* gate, float* up, float* output, int count)
    {
        for (int i = 0; i < count; i++)
            output[i] = (float)(gate[i] / (1 + Math.Exp(-(double)gate[i])) * up[i]);
    }

    /// <summary>The same on a multiple of 32 elements; zeros give zeros, so padding stays.</summary>
    public static void Run(int lanes, float* gate, float* up, float* output, int count)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(gate, up, output, count);
        else
            Run<Lanes256, Vector256<float>>(gate, up, output, count);
    }

    private static void Run<L, V>(float* gate, float* up, float* output, int count)
        where L : struct, ILanes<V>
        where V : struct
    {
        V one = L.Broadcast(1f);
        for (int i = 0; i < count; i += L.Width)
        {
            V x = L.Load(gate + i);
            V silu = L.Div(x, L.Add(one, Exponential.Exp<L, V>(L.Negate(x))));
            L.Store(output + i, L.Mul(silu, L.Load(up + i)));
        }
    }
}
