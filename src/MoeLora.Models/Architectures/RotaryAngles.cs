using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>Cosines and sines of position · frequency on a device, for as many positions as the longest sequence so far needs.</summary>
/// <param name="device">Where the table is.</param>
/// <param name="frequencies">Radians per position of each pair of elements, see <see cref="RotaryFrequencies"/>.</param>
internal sealed class RotaryAngles(Device device, float[] frequencies) : IDisposable
{
    // A shorter table would save little and grow soon.
    private const int FewestPositions = 1024;

    private RotaryTable? _table;

    /// <summary>[positions, frequencies].</summary>
    public RotaryTable Table => _table ?? throw new InvalidOperationException("No position is reserved.");

    /// <summary>Makes the table cover positions 0 … <paramref name="positions"/>: ChatGLM's block positions, which count from 1, reach the number of positions.</summary>
    public void Reserve(int positions)
    {
        int needed = positions + 1;
        if (_table is not null && _table.Cos.Rows >= needed)
            return;
        needed = Math.Max(Math.Max(needed, FewestPositions), 2 * (_table?.Cos.Rows ?? 0)); // doubling: a growing context rebuilds rarely
        RotaryTable grown = new(Build(needed, Math.Cos), Build(needed, Math.Sin));
        Dispose();
        _table = grown;
    }

    public void Dispose()
    {
        _table?.Cos.Dispose();
        _table?.Sin.Dispose();
        _table = null;
    }

    private unsafe Tensor Build(int positions, Func<double, double> function)
    {
        float[] values = GC.AllocateUninitializedArray<float>(checked(positions * frequencies.Length), pinned: true);
        for (int position = 0, i = 0; position < positions; position++)
        {
            foreach (float frequency in frequencies)
                values[i++] = (float)function((double)position * frequency);
        }
        Tensor tensor = device.Allocate(DType.F32, positions, frequencies.Length);
        fixed (float* data = values)
            device.Upload(new TensorView(data, DType.F32, positions, frequencies.Length), tensor);
        return tensor;
    }
}
