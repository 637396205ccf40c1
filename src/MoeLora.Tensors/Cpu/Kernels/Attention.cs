namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>softmax(scale · q · kᵀ) · v of one query and one head.</summary>
internal static unsafe class Attention
{
    /// <summary>The definition, accumulated in double.</summary>
    /// <param name="query">[headDim].</param>
    /// <param name="keys">[visible, stride].</param>
    /// <param name="values">[visible, stride].</param>
    /// <param name="visible">Positions attended to.</param>
    /// <param name="stride">Floats from one position to the next.</param>
    /// <param name="headDim">Elements of a head.</param>
    /// <param name="scale">Multiplies the scores.</param>
    /// <param name="output">[headDim].</param>
    /// <param name="probabilities">Scratch, at least <paramref name="visible"/> elements.</param>
    public static void Scalar(
        float* query, float* keys, float* values, int visible, int stride, int headDim, float scale, float* output, Span<double> probabilities)
    {
        double largest = double.NegativeInfinity;
        for (int p = 0; p < visible; p++)
        {
            double dot = 0;
            for (int i = 0; i < headDim; i++)
                dot += (double)query[i] * keys[(long)p * stride + i];
            probabilities[p] = dot * scale;
            largest = Math.Max(largest, probabilities[p]);
        }
        double sum = 0;
        for (int p = 0; p < visible; p++)
        {
            probabilities[p] = Math.Exp(probabilities[p] - largest);
            sum += probabilities[p];
        }
        for (int i = 0; i < headDim; i++)
        {
            double total = 0;
            for (int p = 0; p < visible; p++)
                total += probabilities[p] * values[(long)p * stride + i];
            output[i] = (float)(total / sum);
        }
    }

    /// <summary>How many positions, from 0 on, row <paramref name="row"/> of a span attends to.</summary>
    public static int Visible(in AttentionSpan span, int row)
        => Math.Min(Math.Max(span.Past + row + 1, span.VisiblePrefix), span.Past + span.RowCount);
}
