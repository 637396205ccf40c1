using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// F32 keys and values. For each layer and head: keys [capacity, <see cref="Stride"/>], then values of the same shape,
/// so that one head's keys are one forward stream. Heads are padded with zeros to a multiple of 16 floats.
/// </summary>
internal sealed unsafe class CpuKvCache : KvCache
{
    /// <summary>Head dimensions are padded to a multiple of this.</summary>
    public const int DimMultiple = 16;

    private readonly NativeBuffer _buffer;
    private readonly long _block;

    public CpuKvCache(int layers, int heads, int headDim, int capacity)
        : base(layers, heads, headDim, capacity)
    {
        Stride = checked(headDim + DimMultiple - 1) / DimMultiple * DimMultiple;
        _block = (long)capacity * Stride;
        _buffer = new NativeBuffer(checked(_block * 2 * heads * layers * sizeof(float)));
    }

    /// <summary>Floats from one position to the next: the head dimension, padded.</summary>
    public int Stride { get; }

    public override long ResidentBytes => _buffer.ByteCount;

    /// <summary>[capacity, Stride].</summary>
    public float* Keys(int layer, int head) => (float*)_buffer.Pointer + ((long)layer * Heads + head) * 2 * _block;

    /// <summary>[capacity, Stride].</summary>
    public float* Values(int layer, int head) => Keys(layer, head) + _block;

    public override void Dispose() => _buffer.Dispose();
}
