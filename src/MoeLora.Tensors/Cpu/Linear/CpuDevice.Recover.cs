using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Kernels;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    private readonly ScratchMemory _recoverA = new(), _recoverB = new(), _recoverRows = new();

    /// <inheritdoc/>
    public override void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        Recover((byte*)w0.Data, w0.DType.ByteCount(w0.Columns), w0.DType, delta, gate, Cpu(destination));
    }

    /// <inheritdoc/>
    public override void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        CpuTensor source = Cpu(w0);
        Recover(source.Data, source.Stride, source.DType, delta, gate, Cpu(destination));
        GC.KeepAlive(w0);
    }

    private void Recover(byte* w0, long stride, DType dtype, LowRankDelta delta, ReadOnlySpan<float> gate, CpuTensor destination)
    {
        switch (Lanes)
        {
            case 16: Recover<Lanes512, Vector512<float>>(w0, stride, dtype, delta, gate, destination); break;
            case 8: Recover<Lanes256, Vector256<float>>(w0, stride, dtype, delta, gate, destination); break;
            default: Recover<LanesScalar, float>(w0, stride, dtype, delta, gate, destination); break;
        }

        GC.KeepAlive(delta);
        GC.KeepAlive(destination);
    }

    private void Recover<L, V>(byte* w0, long stride, DType dtype, LowRankDelta delta, ReadOnlySpan<float> gate, CpuTensor destination)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        CpuTensor a = Cpu(delta.A), b = Cpu(delta.B);
        int padded = (destination.Columns + CpuTensor.ColumnMultiple - 1) & ~(CpuTensor.ColumnMultiple - 1);
        var job = new RecoverJob<L, V>
        {
            W0 = w0,
            W0Stride = stride,
            W0DType = dtype,
            Rows = destination.Rows,
            Columns = destination.Columns,
            Rank = delta.Rank,
            AStride = padded,
            A = (float*)_recoverA.Reserve((long)delta.Rank * padded * sizeof(float)),
            B = (float*)_recoverB.Reserve((long)destination.Rows * delta.Rank * sizeof(float)),
            Scratch = (float*)_recoverRows.Reserve((long)Pool.Threads * padded * sizeof(float)),
            Destination = destination.Data,
            DestinationStride = destination.Stride,
            DestinationDType = destination.DType,
        };
        for (int j = 0; j < delta.Rank; j++)
            RowCodec.Decode(a.Row(j), a.DType, a.Columns, job.A + (long)j * padded);
        for (int i = 0; i < destination.Rows; i++)
        {
            float* row = job.B + (long)i * delta.Rank;
            RowCodec.Decode(b.Row(i), b.DType, b.Columns, row);
            for (int j = 0; j < delta.Rank; j++)
                row[j] *= gate[j];
        }

        Pool.Run(ref job);
    }
}
