using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// A matrix in libtorch's memory, dense and row by row. Q8 is two matrices: quants [rows, whole blocks · 32] of signed bytes, and scales [rows, blocks] in bfloat16, with the same
/// values as <see cref="Q8Format"/> on the CPU.
/// </summary>
internal sealed class TorchTensor : Tensor
{
    private readonly TorchDevice _owner;
    private readonly torch.Tensor? _scales;
    private readonly torch.Tensor _elements;

    public TorchTensor(TorchDevice device, DType dtype, int rows, int columns, torch.Tensor elements, torch.Tensor? scales)
        : base(device, dtype, rows, columns)
    {
        (_owner, _elements, _scales) = (device, elements, scales);
        ResidentBytes = elements.numel() * elements.ElementSize + (scales is null ? 0 : scales.numel() * scales.ElementSize);
    }

    public override long ResidentBytes { get; }

    /// <summary>Changes with every write, so that what was derived from the elements is not used after them.</summary>
    public long Version { get; private set; }

    /// <summary>Elements, or the quants of Q8.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public torch.Tensor Elements
    {
        get
        {
            ObjectDisposedException.ThrowIf(_elements.IsInvalid, this);
            return _elements;
        }
    }

    /// <summary>The scales of Q8.</summary>
    public torch.Tensor Scales => _scales!;

    /// <summary>The first rows, to be read. What comes back belongs to the operation's scope, or to this tensor.</summary>
    public torch.Tensor Read(int rows) => rows == Rows ? Elements : Elements.narrow(0, 0, rows);

    /// <summary>The first rows, to be written.</summary>
    public torch.Tensor Write(int rows)
    {
        Version++;
        return Read(rows);
    }

    /// <summary>Any rows, to be written.</summary>
    public torch.Tensor Write(int first, int rows)
    {
        Version++;
        return Elements.narrow(0, first, rows);
    }

    public override void Dispose() => _owner.Forget(this);

    /// <summary>Frees the memory. Called by the device only, which knows all its tensors.</summary>
    internal void Free()
    {
        _elements.Dispose();
        _scales?.Dispose();
    }
}
