using MoeLora.Tensors.Cpu.Vectors;
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
    private readonly NativeBuffer _buffer;
    private readonly long _keyFloats;
    private readonly long _valueFloats;

    public CpuKvCache(int layers, int heads, int headDim, int capacity)
        : base(layers, heads, headDim, capacity)
    {
        ValueStride = RoundUp(headDim);
        long positions = RoundUp(capacity);
        _keyFloats = positions * headDim;
        _valueFloats = positions * ValueStride;
        _buffer = new NativeBuffer(checked((_keyFloats + _valueFloats) * heads * layers * sizeof(float)));
    }

    /// <summary>Positions side by side in a panel of keys: two vectors.</summary>
    public static int PanelKeys => 2 * Simd.Width;

    /// <summary>Floats from the values of one position to those of the next: the head dimension, padded to two vectors.</summary>
    public int ValueStride { get; }

    public override long ResidentBytes => _buffer.ByteCount;

    /// <summary>The first panel of a head's keys.</summary>
    public float* Keys(int layer, int head) => (float*)_buffer.Pointer + ((long)layer * Heads + head) * (_keyFloats + _valueFloats);

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

    public override void Dispose() => _buffer.Dispose();

    private static int RoundUp(int count) => checked(count + PanelKeys - 1) / PanelKeys * PanelKeys;
}
