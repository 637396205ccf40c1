using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>Random low-rank deltas on some modules of a model, and their dense counterpart computed here.</summary>
internal sealed unsafe class SyntheticAdapter : IDisposable
{
    public const int Rank = 6;
    private readonly CausalModel _model;
    private readonly Random _random;
    private readonly Dictionary<int, (float[] A, float[] B)> _host = [];

    /// <param name="model">To adapt.</param>
    /// <param name="slots">Gate vectors per row; module i reads slot i mod <paramref name="slots"/>.</param>
    /// <param name="adapts">Which modules have a delta.</param>
    /// <param name="seed">Of all values.</param>
    public SyntheticAdapter(CausalModel model, int slots, Func<LinearModule, bool> adapts, int seed)
    {
        _model = model;
        _random = new Random(seed);
        var deltas = new LowRankDelta?[model.LinearModules.Count];
        foreach (LinearModule module in model.LinearModules.Where(adapts))
        {
            (float[] a, float[] b) = (Values(Rank * module.InFeatures), Values(module.OutFeatures * Rank));
            _host[module.Index] = (a, b);
            deltas[module.Index] = new LowRankDelta(Tensor(a, Rank, module.InFeatures), Tensor(b, module.OutFeatures, Rank));
        }
        Deltas = new DeltaSet(deltas, [.. model.LinearModules.Select(module => module.Index % slots)], slots, Rank);
    }

    public DeltaSet Deltas { get; }

    public float[][] NewGate() => [.. Enumerable.Range(0, Deltas.GateSlots).Select(_ => Values(Rank))];

    /// <summary>The model with W0 + B · diag(gate) · A in place of every adapted W0.</summary>
    public CausalModel Merge(float[][] gate)
    {
        var merged = new Dictionary<int, Tensor>();
        foreach ((int index, (float[] a, float[] b)) in _host)
        {
            LinearModule module = _model.LinearModules[index];
            float[] g = gate[Deltas.GateSlot[index]];
            float[] dense = new float[module.OutFeatures * module.InFeatures], row = new float[module.InFeatures];
            for (int o = 0; o < module.OutFeatures; o++)
            {
                _model.Device.Download(_model.Weight(module), o, row);
                for (int i = 0; i < module.InFeatures; i++)
                {
                    double sum = row[i];
                    for (int r = 0; r < Rank; r++)
                        sum += (double)b[o * Rank + r] * g[r] * a[r * module.InFeatures + i];
                    dense[o * module.InFeatures + i] = (float)sum;
                }
            }
            merged[index] = Tensor(dense, module.OutFeatures, module.InFeatures);
        }
        return _model.WithWeights(merged);
    }

    public void Dispose()
    {
        foreach (LowRankDelta? delta in Deltas.ByModule)
        {
            delta?.A.Dispose();
            delta?.B.Dispose();
        }
    }

    private float[] Values(int count)
    {
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
            value = (float)(_random.NextDouble() - 0.5) * 0.6f;
        return values;
    }

    private Tensor Tensor(float[] values, int rows, int columns)
    {
        Tensor tensor = _model.Device.Allocate(DType.F32, rows, columns);
        fixed (float* data = values)
            _model.Device.Upload(new TensorView(data, DType.F32, rows, columns), tensor);
        return tensor;
    }
}
