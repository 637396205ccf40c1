using MoeLora.Adapters.Gates;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// A task gate with its gradient. It is so small that it is computed on the host, in double precision, as <see cref="TaskGate"/> does; rows of a
/// batch read its result from a table with one row for each task.
/// </summary>
internal sealed class TrainedGate : IDisposable
{
    private readonly int _expertRank;
    private readonly float _scaling;
    private readonly Parameter _table;
    private readonly double[][] _omega; // by task id; row 0 is padding
    private TaskGate? _gate; // that the table is of

    /// <summary>Embeddings ~ N(0, 1) and gate ~ U(±1/√d_T), as the authors' layers begin.</summary>
    public TrainedGate(Device device, string prefix, ExpertSettings settings, int taskCount, int seed)
    {
        (TopK, _expertRank, _scaling) = (settings.TopK, settings.Rank / settings.ExpertCount, (float)(settings.Alpha / settings.Rank));
        Embeddings = new Parameter(device, prefix + "task_embedding", taskCount + 1, settings.TaskEmbeddingDim);
        Weight = new Parameter(device, prefix + "gate", settings.ExpertCount, settings.TaskEmbeddingDim);
        _table = new Parameter(device, prefix + "table", taskCount + 1, settings.Rank);
        _omega = new double[taskCount + 1][];
        Initialization.Normal(Embeddings, 1, seed);
        Initialization.Dense(Weight, seed);
    }

    /// <summary>[tasks + 1, d_T], row 0 is padding.</summary>
    public Parameter Embeddings { get; }

    /// <summary>[N, d_T].</summary>
    public Parameter Weight { get; }

    /// <summary>Experts that keep a weight; null for the dense gate.</summary>
    public int? TopK { get; }

    /// <summary>[tasks + 1, r]: what rows of a task are scaled by, (α/r) · ω with each ω_i repeated r/N times.</summary>
    public Tensor Table => _table.Value;

    /// <summary>Collects the gradient of <see cref="Table"/> until <see cref="Backward"/>.</summary>
    public Tensor TableGradient => _table.Gradient;

    /// <summary>The gate as it is now.</summary>
    public TaskGate ToGate() => new(Embeddings.Value.Rows - 1, Weight.Value.Rows, Weight.Value.Columns, Embeddings.ToArray(), Weight.ToArray(), TopK);

    /// <summary>Computes <see cref="Table"/> from the parameters.</summary>
    public void Forward()
    {
        TaskGate gate = ToGate();
        if (_gate is not null && gate.TaskEmbeddings.SequenceEqual(_gate.TaskEmbeddings) && gate.Weight.SequenceEqual(_gate.Weight))
            return; // as in every pass but the first while tokens are generated
        _gate = gate;
        float[] table = new float[_table.Count];
        for (int task = 1; task < _omega.Length; task++)
        {
            GateWeights omega = gate.Weights(task);
            _omega[task] = Array.ConvertAll(omega.Values.ToArray(), w => (double)w);
            omega.ToRow(_expertRank, _scaling).CopyTo(table.AsSpan(task * Table.Columns));
        }
        _table.Set(table);
    }

    /// <summary>
    /// Adds to the gradients of gate and embeddings what <see cref="TableGradient"/> holds, and clears it. With ω = softmax(s) over the experts
    /// that are kept, ∂L/∂s_i = ω_i · (∂L/∂ω_i − Σ_k ω_k · ∂L/∂ω_k), which is zero for the others.
    /// </summary>
    public void Backward()
    {
        float[] tableGradient = _table.GradientToArray();
        float[] embeddings = Embeddings.ToArray(), weight = Weight.ToArray();
        float[] embeddingGradient = Embeddings.GradientToArray(), weightGradient = Weight.GradientToArray();
        int dimension = Weight.Value.Columns, rank = Table.Columns;
        for (int task = 1; task < _omega.Length; task++)
        {
            double[] omega = _omega[task], gradient = new double[omega.Length];
            for (int k = 0; k < rank; k++)
                gradient[k / _expertRank] += (double)_scaling * tableGradient[task * rank + k];
            double mean = 0;
            for (int i = 0; i < omega.Length; i++)
                mean += omega[i] * gradient[i];
            for (int i = 0; i < omega.Length; i++)
            {
                double score = omega[i] * (gradient[i] - mean);
                for (int d = 0; d < dimension; d++)
                {
                    weightGradient[i * dimension + d] += (float)(score * embeddings[task * dimension + d]);
                    embeddingGradient[task * dimension + d] += (float)(score * weight[i * dimension + d]);
                }
            }
        }
        Write(embeddingGradient, Embeddings.Gradient);
        Write(weightGradient, Weight.Gradient);
        _table.ClearGradient();
    }

    public void Dispose() => _table.Dispose();

    private static void Write(float[] values, Tensor tensor)
    {
        for (int row = 0; row < tensor.Rows; row++)
            tensor.Device.WriteRow(values.AsSpan(row * tensor.Columns, tensor.Columns), tensor, row);
    }
}
