namespace MoeLora.Tensors;

/// <summary>
/// A matrix that lives on a <see cref="Tensors.Device"/>. A vector is a matrix of one row. Activations are F32;
/// weights may have any dtype.
/// </summary>
/// <remarks>One owner disposes a tensor; sharing one means that its owner outlives all users.</remarks>
public abstract class Tensor : IDisposable
{
    protected Tensor(Device device, DType dtype, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        Device = device;
        DType = dtype;
        Rows = rows;
        Columns = columns;
    }

    /// <summary>Where the elements are.</summary>
    public Device Device { get; }

    /// <summary>Element format.</summary>
    public DType DType { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Elements in a row.</summary>
    public int Columns { get; }

    /// <summary>Bytes held on the device, padding included.</summary>
    public abstract long ResidentBytes { get; }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <inheritdoc/>
    public override string ToString() => $"{DType.Name()} [{Rows}, {Columns}]";
}
