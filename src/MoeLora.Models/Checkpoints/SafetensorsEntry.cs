using MoeLora.Tensors;

namespace MoeLora.Models.Checkpoints;

/// <summary>A tensor to write: its name, shape, and elements that stay valid until they are written.</summary>
public sealed class SafetensorsEntry
{
    private readonly TensorView _view;
    private readonly ReadOnlyMemory<float> _values;

    private SafetensorsEntry(string name, DType dtype, IReadOnlyList<int> shape, long elements)
    {
        if (name == SafetensorsHeader.MetadataKey)
            throw new ArgumentException($"A tensor cannot be named {name}; the format uses that name for its metadata.", nameof(name));
        Int128 product = 1;
        foreach (int size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            product *= size;
        }

        if (shape.Count > MatrixShape.MaxDimensions || product != elements)
            throw new ArgumentException($"The shape [{string.Join(", ", shape)}] does not fit {elements} elements.", nameof(shape));
        Name = name;
        DType = dtype;
        Shape = [.. shape];
        ByteCount = dtype.ByteCount(elements);
    }

    /// <summary>A tensor of <paramref name="shape"/> whose elements are written as they lie in <paramref name="view"/>.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the view's number of elements.</exception>
    public SafetensorsEntry(string name, IReadOnlyList<int> shape, TensorView view)
        : this(name, view.DType, shape, (long)view.Rows * view.Columns) => _view = view;

    /// <summary>A float32 tensor of <paramref name="shape"/>, row-major.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the number of values.</exception>
    public SafetensorsEntry(string name, IReadOnlyList<int> shape, ReadOnlyMemory<float> values)
        : this(name, DType.F32, shape, values.Length) => _values = values;

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>F32, F16 or BF16.</summary>
    public DType DType { get; }

    /// <summary>The tensor's shape.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Bytes that the elements take in the file.</summary>
    public long ByteCount { get; }

    internal unsafe void WriteTo(Stream stream)
    {
        const int Chunk = 1 << 24;
        if (_view.Data is null)
        {
            stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_values.Span));
            return;
        }

        for (long at = 0; at < ByteCount; at += Chunk)
            stream.Write(new ReadOnlySpan<byte>((byte*)_view.Data + at, (int)Math.Min(Chunk, ByteCount - at)));
    }
}
