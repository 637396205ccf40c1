using MoeLora.Tensors;

namespace MoeLora.Training.Parameters;

/// <summary>An F32 matrix that grows to the most rows asked for; its content is lost when it grows.</summary>
internal sealed class RowBuffer(Device device, int columns) : IDisposable
{
    private Tensor? _tensor;

    /// <summary>The matrix as last reserved, [rows or more, columns].</summary>
    public Tensor Tensor => _tensor ?? throw new InvalidOperationException("No rows are reserved.");

    /// <summary>The matrix with room for <paramref name="rows"/> rows.</summary>
    public Tensor Of(int rows)
    {
        if (_tensor is not null && _tensor.Rows >= rows)
            return _tensor;
        _tensor?.Dispose();
        _tensor = null;
        return _tensor = device.Allocate(DType.F32, (rows + 63) & ~63, columns);
    }

    /// <summary>As <see cref="Of"/>, with zeros in those rows.</summary>
    public Tensor Zeros(int rows)
    {
        Tensor tensor = Of(rows);
        device.Fill(tensor, 0, rows);
        return tensor;
    }

    public void Dispose() => _tensor?.Dispose();
}
