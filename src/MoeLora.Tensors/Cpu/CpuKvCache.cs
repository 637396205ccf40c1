using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// F32 keys and values, laid out for attention. For each layer and head:
/// keys in panels of <see cref="PanelKeys"/> positions, each panel [headDim, PanelKeys], so that a vector holds one element of many
/// positions and scores need no sums across lanes; then values [positions, <see cref="ValueStride"/>].
/// Everything never written is zero.
/// </summary>
internal sealed unsafe class CpuKvCache : KvCache
{
    private readonly NativeBuffer? _buffer;
    private readonly long _keyFloats;
    private readonly long _valueFloats;
    private float* _data;

    public CpuKvCache(int layers, int heads, int headDim, int capacity, int panelKeys)
        : this(layers, heads, headDim, capacity, panelKeys, null)
    {
        _buffer = new NativeBuffer(ResidentBytes);
        _data = (float*)_buffer.Pointer;
    }

    /// <summary>Over memory that the caller owns: zeroed, 64-byte aligned, <see cref="ResidentBytes"/> long.</summary>
    public CpuKvCache(int layers, int heads, int headDim, int capacity, int panelKeys, float* memory)
        : base(layers, heads, headDim, capacity)
    {
        PanelKeys = panelKeys;
        ValueStride = RoundUp(headDim, CpuTensor.ColumnMultiple);
        long positions = RoundUp(capacity, panelKeys);
        _keyFloats = positions * headDim;
        _valueFloats = positions * ValueStride;
        ResidentBytes = checked((_keyFloats + _valueFloats) * heads * layers * sizeof(float));
        _data = memory;
    }

    /// <summary>Positions side by side in a panel of keys: two vectors of the device that made the cache.</summary>
    public int PanelKeys { get; }

    /// <summary>Floats from the values of one position to those of the next: the head dimension, padded to a multiple of 32.</summary>
    public int ValueStride { get; }

    public override long ResidentBytes { get; }

    /// <summary>The first panel of a head's keys.</summary>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public float* Keys(int layer, int head)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        return _data + ((long)layer * Heads + head) * (_keyFloats + _valueFloats);
    }

    /// <summary>The values of a head's position 0.</summary>
    public float* Values(int layer, int head) => Keys(layer, head) + _keyFloats;

    /// <summary>The first element of a position's key; the next ones follow at distances of <see cref="PanelKeys"/>.</summary>
    public float* Key(int layer, int head, int position)
    {
        (int panel, int lane) = Math.DivRem(position, PanelKeys);
        return Keys(layer, head) + (long)panel * HeadDim * PanelKeys + lane;
    }

    /// <summary>The values of a position.</summary>
    public float* Value(int layer, int head, int position) => Values(layer, head) + (long)position * ValueStride;

    public override void Dispose()
    {
        _data = null;
        _buffer?.Dispose();
    }

    private static int RoundUp(int count, int multiple) => checked(count + multiple - 1) / multiple * multiple;
}
