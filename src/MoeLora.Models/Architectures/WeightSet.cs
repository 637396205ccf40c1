using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The tensors of a model on its device, by published name. Immutable once filled; owns what it was filled with.</summary>
internal sealed class WeightSet : IDisposable
{
    private const int ChunkBytes = 8 << 20;

    private readonly Dictionary<string, Tensor> _tensors;
    private readonly List<Tensor> _owned;

    private WeightSet(Dictionary<string, Tensor> tensors, List<Tensor> owned)
    {
        _tensors = tensors;
        _owned = owned;
    }

    /// <summary>Bytes of the tensors that this set owns.</summary>
    public long ResidentBytes => _owned.Sum(tensor => tensor.ResidentBytes);

    public Tensor this[string name] => _tensors[name];

    /// <summary>A module's weight and, where it has one, its bias.</summary>
    public DenseLayer Layer(LinearModule module) => new(module.Index, this[$"{module.Name}.weight"], _tensors.GetValueOrDefault($"{module.Name}.bias"));

    /// <summary>
    /// Streams every tensor of the layout from the mapped files to the device, checking each piece on its way: no copy is made on the host.
    /// </summary>
    /// <exception cref="CheckpointException">Names every tensor that holds NaN, infinity, or a value that the dtype cannot hold.</exception>
    public static WeightSet FromCheckpoint(ModelLayout layout, Checkpoint checkpoint, Device device, DType dense, IProgress<LoadProgress>? progress)
    {
        long total = layout.Weights.Sum(spec => ByteCount(checkpoint.View(spec.Name))), done = 0;
        var bad = new List<string>();
        WeightSet set = Fill(layout, device, dense, (spec, tensor) =>
        {
            TensorView view = checkpoint.View(spec.Name);
            int step = RowsPerChunk(view.DType.ByteCount(view.Columns));
            for (int row = 0; row < view.Rows; row += step)
            {
                TensorView chunk = view.Slice(row, Math.Min(step, view.Rows - row));
                if (!RangeCheck.Fits(chunk, tensor.DType))
                {
                    bad.Add(spec.Name);
                    break;
                }
                device.Upload(chunk, tensor, row);
            }
            done += ByteCount(view);
            progress?.Report(new LoadProgress(spec.Name, done, total));
        });
        if (bad.Count == 0)
            return set;
        set.Dispose();
        throw new CheckpointException(
            $"Weights in {string.Join(", ", checkpoint.Files)} hold NaN, infinity, or values too large for {dense.Name()}; the file is damaged or the dtype too small: "
            + string.Join(", ", bad));
    }

    /// <summary>Weights ~ N(0, 0.02), norms 1, biases 0, written from one small tile again and again: only shapes and speed mean anything.</summary>
    public static unsafe WeightSet Random(ModelLayout layout, Device device, DType dense, int seed)
    {
        const float Deviation = 0.02f;
        int widest = layout.Weights.Max(spec => spec.Columns);
        float[] tile = GC.AllocateUninitializedArray<float>(Math.Max(1 << 20, 2 * widest), pinned: true);
        var random = new Random(seed);
        for (int i = 0; i < tile.Length; i++)
        {
            // Box-Muller; 1 − u keeps the logarithm finite.
            tile[i] = Deviation * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        float[] ones = GC.AllocateUninitializedArray<float>(widest, pinned: true);
        Array.Fill(ones, 1f);

        return Fill(layout, device, dense, (spec, tensor) =>
        {
            if (spec.Role == WeightRole.Bias)
                return; // already zero
            fixed (float* pinnedOnes = ones, pinnedTile = tile)
            {
                if (spec.Role == WeightRole.Norm)
                {
                    device.Upload(new TensorView(pinnedOnes, DType.F32, 1, spec.Columns), tensor);
                    return;
                }
                int step = Math.Min(tile.Length / spec.Columns, RowsPerChunk(DType.F32.ByteCount(spec.Columns)));
                for (int row = 0; row < spec.Rows; row += step)
                {
                    int rows = Math.Min(step, spec.Rows - row);
                    int start = random.Next(tile.Length - rows * spec.Columns + 1);
                    device.Upload(new TensorView(pinnedTile + start, DType.F32, rows, spec.Columns), tensor, row);
                }
            }
        });
    }

    /// <summary>All zeros in F32: weights that are yet to be initialised, or gradients.</summary>
    public static WeightSet Zeros(ModelLayout layout, Device device) => Fill(layout, device, DType.F32, (_, _) => { });

    /// <summary>This set with other weights for some modules. The result owns only those; this set must outlive it.</summary>
    public WeightSet With(IEnumerable<(LinearModule Module, Tensor Weight)> replacements)
    {
        var tensors = new Dictionary<string, Tensor>(_tensors);
        var owned = new List<Tensor>();
        foreach ((LinearModule module, Tensor weight) in replacements)
        {
            tensors[$"{module.Name}.weight"] = weight;
            owned.Add(weight);
        }
        return new WeightSet(tensors, owned);
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _owned)
            tensor.Dispose();
    }

    private static WeightSet Fill(ModelLayout layout, Device device, DType dense, Action<WeightSpec, Tensor> fill)
    {
        var set = new WeightSet([], []);
        try
        {
            foreach (WeightSpec spec in layout.Weights)
            {
                Tensor tensor = device.Allocate(spec.Role == WeightRole.Dense ? dense : DType.F32, spec.Rows, spec.Columns);
                set._owned.Add(tensor);
                set._tensors.Add(spec.Name, tensor);
                fill(spec, tensor);
            }
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    private static long ByteCount(TensorView view) => view.DType.ByteCount((long)view.Rows * view.Columns);

    private static int RowsPerChunk(long rowBytes) => (int)Math.Max(1, ChunkBytes / rowBytes);
}
