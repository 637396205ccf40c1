using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>All that a step writes, besides caches and logits. Shared by the models that share a base, as one thread drives them.</summary>
/// <param name="device">Where it is.</param>
/// <param name="frequencies">Of the rotary positions, see <see cref="RotaryFrequencies"/>.</param>
/// <param name="allocate">Makes the architecture's scratch memory for a number of rows.</param>
internal sealed class RunState<TScratch>(Device device, float[] frequencies, Func<int, TScratch> allocate) : IDisposable
    where TScratch : class, IScratch
{
    private TScratch? _scratch;

    public Step Step { get; } = new(device);

    public RotaryAngles Angles { get; } = new(device, frequencies);

    /// <summary>Scratch memory for at least <paramref name="rows"/> rows; what was in it before is lost when it grows.</summary>
    public TScratch Scratch(int rows)
    {
        if (_scratch is not null && _scratch.Rows >= rows)
            return _scratch;
        _scratch?.Dispose();
        _scratch = null;
        return _scratch = allocate(Step.Capacity(rows));
    }

    public void Dispose()
    {
        Step.Dispose();
        Angles.Dispose();
        _scratch?.Dispose();
    }
}

/// <summary>The matrices of an architecture's step.</summary>
internal interface IScratch : IDisposable
{
    /// <summary>Rows that each matrix has.</summary>
    int Rows { get; }
}
