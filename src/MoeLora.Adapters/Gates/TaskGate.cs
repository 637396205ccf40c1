namespace MoeLora.Adapters.Gates;

/// <summary>
/// The gate that looks only at the task: ω_j = softmax(W · e_j) with the task's embedding e_j and no bias
/// (arXiv 2310.18339, equation 7). The sparse gate keeps the k largest weights and divides them by their sum.
/// </summary>
/// <remarks>Immutable. Computed in double precision and rounded once.</remarks>
public sealed class TaskGate
{
    private readonly float[] _embeddings;
    private readonly float[] _weight;

    /// <summary>Takes ownership of the arrays.</summary>
    /// <param name="taskCount">Tasks; their ids are 1 … taskCount.</param>
    /// <param name="expertCount">Experts N.</param>
    /// <param name="dimension">d_T, elements of a task embedding.</param>
    /// <param name="embeddings">[taskCount + 1, d_T] row-major; row 0 is padding and belongs to no task.</param>
    /// <param name="weight">[N, d_T] row-major.</param>
    /// <param name="topK">Experts that keep a weight, or null for the dense gate.</param>
    /// <exception cref="ArgumentException">The sizes do not fit each other.</exception>
    public TaskGate(int taskCount, int expertCount, int dimension, float[] embeddings, float[] weight, int? topK = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(taskCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(expertCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (embeddings.Length != (taskCount + 1L) * dimension)
            throw new ArgumentException($"{embeddings.Length} elements are not [{taskCount + 1}, {dimension}].", nameof(embeddings));
        if (weight.Length != (long)expertCount * dimension)
            throw new ArgumentException($"{weight.Length} elements are not [{expertCount}, {dimension}].", nameof(weight));
        if (topK is { } k && (k < 1 || k > expertCount))
            throw new ArgumentOutOfRangeException(nameof(topK), k, $"The sparse gate keeps 1 to {expertCount} experts.");
        TaskCount = taskCount;
        ExpertCount = expertCount;
        Dimension = dimension;
        TopK = topK;
        _embeddings = embeddings;
        _weight = weight;
    }

    /// <summary>Tasks; ids are 1 … TaskCount.</summary>
    public int TaskCount { get; }

    /// <summary>Experts N.</summary>
    public int ExpertCount { get; }

    /// <summary>d_T.</summary>
    public int Dimension { get; }

    /// <summary>Experts that keep a weight; null for the dense gate.</summary>
    public int? TopK { get; }

    /// <summary>[TaskCount + 1, Dimension], row 0 is padding.</summary>
    public ReadOnlySpan<float> TaskEmbeddings => _embeddings;

    /// <summary>[ExpertCount, Dimension].</summary>
    public ReadOnlySpan<float> Weight => _weight;

    /// <summary>Parameters of the embedding (padding row included, as it is stored) and the gate.</summary>
    public long ParameterCount => _embeddings.LongLength + _weight.LongLength;

    /// <summary>ω of one task, or of a composed task: the mean of several task embeddings goes through the gate.</summary>
    /// <param name="taskIds">At least one id in 1 … <see cref="TaskCount"/>.</param>
    /// <exception cref="ArgumentException">No id, or one that no task has.</exception>
    public GateWeights Weights(params ReadOnlySpan<int> taskIds)
    {
        double[] mean = MeanEmbedding(taskIds);
        double[] scores = new double[ExpertCount];
        for (int expert = 0; expert < scores.Length; expert++)
        {
            for (int i = 0; i < mean.Length; i++)
                scores[expert] += (double)_weight[expert * Dimension + i] * mean[i];
        }

        double largest = scores.Max();
        for (int expert = 0; expert < scores.Length; expert++)
            scores[expert] = Math.Exp(scores[expert] - largest);
        if (TopK is { } k)
            KeepLargest(scores, k);
        double sum = scores.Sum();
        return new GateWeights(Array.ConvertAll(scores, s => (float)(s / sum)));
    }

    private double[] MeanEmbedding(ReadOnlySpan<int> taskIds)
    {
        if (taskIds.IsEmpty)
            throw new ArgumentException("A gate needs at least one task.", nameof(taskIds));
        double[] mean = new double[Dimension];
        foreach (int id in taskIds)
        {
            if (id < 1 || id > TaskCount)
                throw new ArgumentOutOfRangeException(nameof(taskIds), id, $"Task ids are 1 to {TaskCount}.");
            for (int i = 0; i < mean.Length; i++)
                mean[i] += _embeddings[id * Dimension + i];
        }

        for (int i = 0; i < mean.Length; i++)
            mean[i] /= taskIds.Length;
        return mean;
    }

    // The first of equal scores is kept, so that exactly k remain.
    private static void KeepLargest(double[] scores, int k)
    {
        int[] order = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i])];
        foreach (int expert in order.AsSpan(k))
            scores[expert] = 0;
    }
}
