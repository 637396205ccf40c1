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
}
