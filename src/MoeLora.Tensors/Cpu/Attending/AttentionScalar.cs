namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>softmax(scale · q · kᵀ) · v of one query and one head, as it is defined.</summary>
internal static unsafe class AttentionScalar
{
    /// <param name="query">[headDim].</param>
    /// <param name="cache">Holds at least <paramref name="visible"/> positions.</param>
    /// <param name="layer">Of the cache.</param>
    /// <param name="head">Of the cache.</param>
    /// <param name="visible">How many positions, from 0 on, are attended to.</param>
    /// <param name="scale">Multiplies the scores.</param>
    /// <param name="output">[headDim].</param>
    public static void Head(float* query, KvCache cache, int layer, int head, int visible, float scale, float* output)
    {
        CpuKvPool pool = CpuDevice.Cpu(cache);
        double[] probabilities = new double[visible];
        double largest = double.NegativeInfinity;
        for (int p = 0; p < visible; p++)
        {
            float* key = pool.Key(cache, layer, head, p);
            double dot = 0;
            for (int i = 0; i < pool.HeadDim; i++)
                dot += (double)query[i] * key[i * pool.PanelKeys];
            probabilities[p] = dot * scale;
            largest = Math.Max(largest, probabilities[p]);
        }
        double sum = 0;
        for (int p = 0; p < visible; p++)
        {
            probabilities[p] = Math.Exp(probabilities[p] - largest);
            sum += probabilities[p];
        }
        for (int i = 0; i < pool.HeadDim; i++)
        {
            double total = 0;
            for (int p = 0; p < visible; p++)
                total += probabilities[p] * pool.Value(cache, layer, head, p)[i];
            output[i] = (float)(total / sum);
        }
    }
}
