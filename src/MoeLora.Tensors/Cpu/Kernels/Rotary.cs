namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Rotation of one head's pairs (x_j, x_{j + half}) (arXiv 2104.09864, in the order that Hugging Face models use).</summary>
internal static unsafe class Rotary
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* head, float* cos, float* sin, int half)
    {
        for (int j = 0; j < half; j++)
        {
            double x = head[j], y = head[j + half];
            head[j] = (float)(x * cos[j] - y * sin[j]);
            head[j + half] = (float)(y * cos[j] + x * sin[j]);
        }
    }
}
