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
}
