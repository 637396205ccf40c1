namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of layer normalisation (arXiv 1607.06450) with the population variance.</summary>
internal static unsafe class LayerNorm
{
    /// <summary>The definition, in two passes, accumulated in double.</summary>
    public static void Scalar(float* input, float* weight, float* bias, float epsilon, float* output, int columns)
    {
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += input[i];
        double mean = sum / columns;
        double squares = 0;
        for (int i = 0; i < columns; i++)
            squares += (input[i] - mean) * (input[i] - mean);
        double factor = 1 / Math.Sqrt(squares / columns + epsilon);
        for (int i = 0; i < columns; i++)
            output[i] = (float)((input[i] - mean) * factor * weight[i] + bias[i]);
    }
}
