namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// Attention of one query row and head inside its span, and its gradients, as they are defined: P = softmax(scale · q · kᵀ), o = P · v;
/// dv += Pᵀ · do, dS = P ∘ (do · vᵀ − Σ P ∘ (do · vᵀ)), dq += scale · dS · k, dk += scale · dSᵀ · q.
/// </summary>
internal static unsafe class SelfAttentionScalar
{
    /// <summary>How many rows of its span row <paramref name="row"/> attends to, the rule of <see cref="SelfSpan"/>.</summary>
    public static int Visible(in SelfSpan span, int row) => Math.Max(row + 1, span.VisiblePrefix);

    /// <summary>Probabilities of the visible rows, and log Σ exp of their scores. <paramref name="keys"/> is the span's first key; the others are <paramref name="stride"/> floats apart.</summary>
    public static (double[] Probabilities, double LogSum) Probabilities(float* query, float* keys, long stride, int headDim, int visible, float scale)
    {
        double[] scores = new double[visible];
        double largest = double.NegativeInfinity;
        for (int p = 0; p < visible; p++)
        {
            for (int i = 0; i < headDim; i++)
                scores[p] += (double)query[i] * keys[p * stride + i];
            scores[p] *= scale;
            largest = Math.Max(largest, scores[p]);
        }
        double sum = 0;
        for (int p = 0; p < visible; p++)
            sum += Math.Exp(scores[p] - largest);
        for (int p = 0; p < visible; p++)
            scores[p] = Math.Exp(scores[p] - largest) / sum;
        return (scores, largest + Math.Log(sum));
    }

    /// <summary>output = probabilities · values.</summary>
    public static void Output(double[] probabilities, float* values, long stride, int headDim, float* output)
    {
        for (int i = 0; i < headDim; i++)
        {
            double total = 0;
            for (int p = 0; p < probabilities.Length; p++)
                total += probabilities[p] * values[p * stride + i];
            output[i] = (float)total;
        }
    }

    /// <summary>The gradients of the scores, dS.</summary>
    public static double[] ScoreGradients(double[] probabilities, float* values, long stride, int headDim, float* outputGradient)
    {
        double[] gradients = new double[probabilities.Length];
        double mean = 0;
        for (int p = 0; p < gradients.Length; p++)
        {
            for (int i = 0; i < headDim; i++)
                gradients[p] += (double)outputGradient[i] * values[p * stride + i];
            mean += probabilities[p] * gradients[p];
        }
        for (int p = 0; p < gradients.Length; p++)
            gradients[p] = probabilities[p] * (gradients[p] - mean);
        return gradients;
    }
}
