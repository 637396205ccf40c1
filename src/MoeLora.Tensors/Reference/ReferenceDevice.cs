using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Reference;

/// <summary>
/// Every operation as its definition says, one element after the other, accumulated in double precision and rounded once.
/// Slow and single-threaded: it is what other devices are tested against.
/// </summary>
public sealed unsafe partial class ReferenceDevice : Device
{
    /// <inheritdoc/>
    public override string Name => "reference (scalar)";

    /// <inheritdoc/>
    public override int FewRows => int.MaxValue;

    /// <inheritdoc/>
    public override Tensor Allocate(DType dtype, int rows, int columns) => new CpuTensor(this, dtype, rows, columns);

    /// <inheritdoc/>
    public override KvPool CreateKvPool(int layers, int heads, int headDim, int blockPositions, int blocks)
        => new CpuKvPool(this, layers, heads, headDim, blockPositions, blocks, panelKeys: 16);

    /// <inheritdoc/>
    public override long KvBytesPerPosition(int layers, int heads, int headDim) => CpuKvPool.PositionBytes(layers, heads, headDim);

    /// <inheritdoc/>
    public override void Upload(TensorView source, Tensor destination, int firstRow = 0)
    {
        OperandChecks.Upload(source, destination, firstRow);
        CpuTensor target = CpuDevice.Cpu(destination);
        for (int row = 0; row < source.Rows; row++)
        {
            fixed (float* values = Decode((byte*)source.Slice(row, 1).Data, source.DType, source.Columns))
                RowCodec.EncodeScalar(values, target.Columns, target.DType, target.Row(firstRow + row));
        }
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, int row, Span<float> destination)
    {
        OperandChecks.Row(source, row, destination.Length, nameof(source));
        Decode(CpuDevice.Cpu(source), row).CopyTo(destination);
    }

    /// <inheritdoc/>
    public override void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row)
    {
        OperandChecks.WriteRow(source, destination, row);
        source.CopyTo(Values(destination, row));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }

    /// <summary>A row of an F32 tensor.</summary>
    private static Span<float> Values(Tensor tensor, int row) => new(CpuDevice.Cpu(tensor).F32Row(row), tensor.Columns);

    private static float[] Decode(CpuTensor tensor, int row) => Decode(tensor.Row(row), tensor.DType, tensor.Columns);

    private static float[] Decode(byte* row, DType dtype, int columns)
    {
        float[] values = new float[columns];
        fixed (float* destination = values)
            RowCodec.DecodeScalar(row, dtype, columns, destination);
        return values;
    }
}
