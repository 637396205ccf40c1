namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of root-mean-square normalisation (arXiv 1910.07467, equation 4, with ε under the root).</summary>
internal static unsafe class RmsNorm
{
    /// <summary>The definition, accumulated in double.</summary>
    public static void Scalar(float* input, float* weight, float epsilon, float* output, int columns)
    {
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += (double)input[i] * input[i];
        double factor = 1 / Math.Sqrt(sum / columns + epsilon);
        for (int i = 0; i < columns; i++)
            output[i] = (float)(input[i] * factor * weight[i]);
    }
}
