using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// F32 keys and values on a device, [layers, blocks · heads, positions of a block, head dimension] each: what one head needs of one block lies together, so that a table of blocks and
/// heads fetches everything with one operation.
/// </summary>
/// <remarks>Values are finite here: where one is not, the position's key is NaN instead, see <see cref="TorchDevice.StoreKv"/>.</remarks>
internal sealed class TorchKvPool : KvPool
{
    private readonly TorchDevice _owner;
    private readonly torch.Tensor _keys, _values;

    public TorchKvPool(TorchDevice device, int layers, int heads, int headDim, int blockPositions, int blocks, Func<torch.Tensor> allocate)
        : base(device, layers, heads, headDim, blockPositions, blocks)
    {
        _owner = device;
        _keys = allocate();
        try
        {
            _values = allocate();
        }
        catch
        {
            _keys.Dispose();
            throw;
        }
    }

    public override long BlockBytes => BlockPositions * PositionBytes(Layers, Heads, HeadDim);

    /// <summary>Bytes of one position.</summary>
    public static long PositionBytes(int layers, int heads, int headDim) => checked(2L * layers * heads * headDim * sizeof(float));

    /// <summary>A layer's keys, [blocks · heads, positions, head dimension].</summary>
    public torch.Tensor Keys(int layer) => Checked(_keys).select(0, layer);

    /// <summary>A layer's values, shaped as the keys.</summary>
    public torch.Tensor Values(int layer) => Checked(_values).select(0, layer);

    public override void Dispose() => _owner.Forget(this);

    internal void Free()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    protected internal override void CopyBlock(int from, int to) => _owner.CopyBlock(Checked(_keys), Checked(_values), (long)from * Heads, (long)to * Heads, Heads);

    private torch.Tensor Checked(torch.Tensor tensor)
    {
        ObjectDisposedException.ThrowIf(tensor.IsInvalid, this);
        return tensor;
    }
}
