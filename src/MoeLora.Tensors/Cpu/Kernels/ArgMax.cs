namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>Where a row's largest value is.</summary>
internal static unsafe class ArgMax
{
    /// <summary>The first of equals; null when there is a NaN.</summary>
    public static int? Scalar(float* values, int columns)
    {
        int best = 0;
        for (int i = 0; i < columns; i++)
        {
            if (float.IsNaN(values[i]))
                return null;
            if (values[i] > values[best])
                best = i;
        }
        return best;
    }
}
