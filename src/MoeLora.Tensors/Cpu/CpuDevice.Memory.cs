using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    public override void Upload(TensorView source, Tensor destination, int firstRow = 0)
    {
        OperandChecks.Upload(source, destination, firstRow);
        var rows = new UploadRows { Source = source, Destination = Cpu(destination), FirstRow = firstRow };
        ForEach(ref rows, source.Rows, source.Columns);
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, int row, Span<float> destination)
    {
        OperandChecks.Row(source, row, destination.Length, nameof(source));
        CpuTensor tensor = Cpu(source);
        fixed (float* values = destination)
            RowCodec.Decode(tensor.Row(row), tensor.DType, tensor.Columns, values);
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    public override void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row)
    {
        OperandChecks.WriteRow(source, destination, row);
        source.CopyTo(new Span<float>(Cpu(destination).F32Row(row), destination.Columns));
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    public override void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output)
    {
        OperandChecks.Embed(table, ids, output);
        fixed (int* indices = ids)
        {
            var rows = new DecodeRows { Source = Cpu(table), Indices = indices, Output = Cpu(output) };
            ForEach(ref rows, ids.Length, table.Columns);
        }
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output)
    {
        OperandChecks.GatherRows(input, rows, output);
        fixed (int* indices = rows)
        {
            var items = new DecodeRows { Source = Cpu(input), Indices = indices, Output = Cpu(output) };
            ForEach(ref items, rows.Length, input.Columns);
        }
    }

    private struct UploadRows : IItems
    {
        public TensorView Source;
        public CpuTensor Destination;
        public int FirstRow;

        public readonly void Execute(int item)
        {
            byte* from = (byte*)Source.Data + Source.DType.ByteCount((long)item * Source.Columns);
            RowCodec.Convert(from, Source.DType, Source.Columns, Destination.Row(FirstRow + item), Destination.DType);
        }
    }

    private struct DecodeRows : IItems
    {
        public CpuTensor Source;
        public int* Indices;
        public CpuTensor Output;

        public readonly void Execute(int item)
            => RowCodec.Decode(Source.Row(Indices[item]), Source.DType, Source.Columns, Output.F32Row(item));
    }
}
