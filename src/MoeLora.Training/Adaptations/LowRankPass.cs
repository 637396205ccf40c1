using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;
using MoeLora.Training.Randomness;

namespace MoeLora.Training.Adaptations;

/// <summary>What the low-rank layers of an adaptation share during a pass: its rows, its dropout, and matrices that they use in turn.</summary>
internal sealed class LowRankPass(Device device, int rank, float dropout) : IDisposable
{
    private readonly RowBuffer _gradient = new(device, rank);
    private readonly Dictionary<int, RowBuffer> _wide = []; // by columns
    private ulong? _dropoutSeed;

    public int Rows { get; private set; }

    public void Begin(int rows, ulong? dropoutSeed) => (Rows, _dropoutSeed) = (rows, dropout > 0 ? dropoutSeed : null);

    /// <summary>Zeros for the gradient of a low-rank value, [rows, r].</summary>
    public Tensor ZeroGradient() => _gradient.Zeros(Rows);

    /// <summary>What a module's A reads: the module's input, after dropout where this pass has it. Valid until the next call.</summary>
    public Tensor Dropped(LinearModule module, Tensor input)
    {
        if (_dropoutSeed is not { } seed)
            return input;
        Tensor dropped = Wide(module).Of(Rows);
        device.Dropout(input, dropout, SeedMix.Of(seed, (ulong)module.Index), dropped, Rows);
        return dropped;
    }

    /// <summary>inputGradient += gradient · weight, through the dropout of <see cref="Dropped"/>.</summary>
    public void DroppedBackward(LinearModule module, Tensor gradient, Tensor weight, Tensor inputGradient)
    {
        if (_dropoutSeed is not { } seed)
        {
            device.LinearBackwardInput(gradient, weight, inputGradient, Rows);
            return;
        }
        Tensor dropped = Wide(module).Zeros(Rows);
        device.LinearBackwardInput(gradient, weight, dropped, Rows);
        device.Dropout(dropped, dropout, SeedMix.Of(seed, (ulong)module.Index), dropped, Rows);
        device.AddScaled(dropped, 1, inputGradient, Rows);
    }

    public void Dispose()
    {
        _gradient.Dispose();
        foreach (RowBuffer buffer in _wide.Values)
            buffer.Dispose();
    }

    private RowBuffer Wide(LinearModule module)
    {
        if (!_wide.TryGetValue(module.InFeatures, out RowBuffer? buffer))
            _wide.Add(module.InFeatures, buffer = new RowBuffer(device, module.InFeatures));
        return buffer;
    }
}
