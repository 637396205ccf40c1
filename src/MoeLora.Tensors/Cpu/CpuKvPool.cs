using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// F32 keys and values, laid out for attention. For each block, layer and head: keys in panels of <see cref="PanelKeys"/> positions, each panel
/// [headDim, PanelKeys], so that a vector holds one element of many positions and scores need no sums across lanes; then values
/// [BlockPositions, <see cref="ValueStride"/>]. Everything never written is zero, and padding of values always is.
/// </summary>
internal sealed unsafe class CpuKvPool : KvPool
{
    private readonly NativeBuffer? _buffer;
    private readonly long _headFloats;
    private float* _data;

    public CpuKvPool(Device device, int layers, int heads, int headDim, int blockPositions, int blocks, int panelKeys)
        : this(device, layers, heads, headDim, blockPositions, blocks, panelKeys, null)
    {
        _buffer = new NativeBuffer(ResidentBytes);
        _data = (float*)_buffer.Pointer;
    }

    /// <summary>Over memory that the caller owns: zeroed, 64-byte aligned, ResidentBytes long.</summary>
    public CpuKvPool(Device device, int layers, int heads, int headDim, int blockPositions, int blocks, int panelKeys, float* memory)
        : base(device, layers, heads, headDim, blockPositions, blocks)
    {
        if (blockPositions is not (32 or 64 or 128))
            throw new ArgumentOutOfRangeException(nameof(blockPositions), blockPositions, "Blocks of 32, 64 or 128 positions are supported: attention takes keys by 128.");
        PanelKeys = panelKeys;
        ValueStride = PaddedHead(headDim);
        _headFloats = blockPositions * ((long)headDim + ValueStride);
        BlockFloats = checked(_headFloats * heads * layers);
        _data = memory;
        _ = checked(BlockBytes * blocks);
    }

    /// <summary>Positions side by side in a panel of keys: two vectors of the device that made the pool.</summary>
    public int PanelKeys { get; }

    /// <summary>Floats from the values of one position to those of the next: the head dimension, padded to a multiple of 32.</summary>
    public int ValueStride { get; }

    /// <summary>Floats from one block to the next.</summary>
    public long BlockFloats { get; }

    /// <summary>Positions in a block are 2 to the power of this.</summary>
    public int BlockShift => BitOperations.Log2((uint)BlockPositions);

    public override long BlockBytes => BlockFloats * sizeof(float);

    /// <summary>Bytes of one position.</summary>
    public static long PositionBytes(int layers, int heads, int headDim) => checked((long)layers * heads * (headDim + (long)PaddedHead(headDim)) * sizeof(float));

    /// <summary>A cache's block table. Valid as long as the cache is not disposed, collected or grown.</summary>
    public static int* Table(KvCache cache) => (int*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(cache.Table));

    /// <summary>A head's keys in block 0; those of block b lie b · <see cref="BlockFloats"/> further on.</summary>
    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    public float* Head(int layer, int head)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        return _data + ((long)layer * Heads + head) * _headFloats;
    }

    /// <summary>The first element of a position's key; the next ones follow at distances of <see cref="PanelKeys"/>.</summary>
    public float* Key(KvCache cache, int layer, int head, int position)
    {
        (int panel, int lane) = Math.DivRem(position % BlockPositions, PanelKeys);
        return Block(cache, layer, head, position) + (long)panel * HeadDim * PanelKeys + lane;
    }

    /// <summary>The values of a position.</summary>
    public float* Value(KvCache cache, int layer, int head, int position)
        => Block(cache, layer, head, position) + (long)BlockPositions * HeadDim + (long)(position % BlockPositions) * ValueStride;

    public override void Dispose()
    {
        _data = null;
        _buffer?.Dispose();
    }

    protected internal override void CopyBlock(int from, int to)
    {
        float* first = Head(0, 0);
        Buffer.MemoryCopy(first + from * BlockFloats, first + to * BlockFloats, BlockBytes, BlockBytes);
    }

    private static int PaddedHead(int headDim) => checked(headDim + CpuTensor.ColumnMultiple - 1) / CpuTensor.ColumnMultiple * CpuTensor.ColumnMultiple;

    private float* Block(KvCache cache, int layer, int head, int position) => Head(layer, head) + cache.Block(position / BlockPositions) * BlockFloats;
}
