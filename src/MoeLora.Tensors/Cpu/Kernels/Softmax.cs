namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One row of e^(x − max) / Σ e^(x − max), in place.</summary>
internal static unsafe class Softmax
{
    /// <summary>The definition, accumulated in double.</summary>
    public static void Scalar(float* values, int columns)
    {
        double largest = double.NegativeInfinity;
        for (int i = 0; i < columns; i++)
            largest = Math.Max(largest, values[i]);
        double sum = 0;
        for (int i = 0; i < columns; i++)
            sum += Math.Exp(values[i] - largest);
        for (int i = 0; i < columns; i++)
            values[i] = (float)(Math.Exp(values[i] - largest) / sum);
    }
}
