using MoeLora.Tensors;
using MoeLora.Tensors.Cpu.Kernels;
using TorchSharp;

namespace MoeLora.Torch;

public sealed unsafe partial class TorchDevice
{
    // Elements that go through host memory at a time.
    private const int StagingElements = 8 << 20;

    private readonly HostStaging _staging;

    /// <inheritdoc/>
    public override Tensor Allocate(DType dtype, int rows, int columns)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        using Operation _ = _operation.Begin();
        return Allocated($"{dtype.Name()} [{rows}, {columns}]", () =>
        {
            int blocks = Q8Format.BlockCount(columns);
            torch.Tensor elements = torch.zeros(rows, dtype == DType.Q8 ? (long)blocks * Q8Format.BlockSize : columns, Native(dtype), _device);
            torch.Tensor? scales = dtype == DType.Q8 ? torch.zeros(rows, (long)blocks, torch.ScalarType.BFloat16, _device) : null;
            var tensor = new TorchTensor(this, dtype, rows, columns, elements.DetachFromDisposeScope(), scales?.DetachFromDisposeScope());
            lock (_tensors)
                _tensors.Add(tensor);
            return tensor;
        });
    }

    /// <inheritdoc/>
    public override void Upload(TensorView source, Tensor destination, int firstRow = 0)
    {
        OperandChecks.Upload(source, destination, firstRow);
        TorchTensor target = Torch(destination);
        int step = Math.Max(1, StagingElements / source.Columns);
        for (int row = 0; row < source.Rows; row += step)
        {
            using Operation _ = _operation.Begin();
            TensorView part = source.Slice(row, Math.Min(step, source.Rows - row));
            if (target.DType == DType.Q8)
                Encode(part, target, firstRow + row);
            else
                target.Write(firstRow + row, part.Rows).copy_(OnHost(part));
        }
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, int row, Span<float> destination)
    {
        OperandChecks.Row(source, row, destination.Length, nameof(source));
        Receive(source, row, 1, destination);
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, int firstRow, int rows, Span<float> destination)
    {
        OperandChecks.Download(source, firstRow, rows, destination.Length);
        if (rows > 0)
            Receive(source, firstRow, rows, destination);
    }

    private void Receive(Tensor source, int row, int rows, Span<float> destination)
    {
        using Operation _ = _operation.Begin();
        TorchTensor tensor = Torch(source);
        torch.Tensor values = tensor.DType == DType.Q8 ? Dequantised(tensor, row, rows) : tensor.Elements.narrow(0, row, rows);
        torch.Tensor host = _staging.Of(torch.ScalarType.Float32, checked(rows * tensor.Columns));
        host.copy_(values.view(-1));
        HostStaging.Elements<float>(host).CopyTo(destination);
    }

    /// <inheritdoc/>
    public override void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row)
    {
        OperandChecks.WriteRow(source, destination, row);
        using Operation _ = _operation.Begin();
        Send(source, destination, row, 1);
    }

    /// <inheritdoc/>
    public override void WriteRows(ReadOnlySpan<float> source, Tensor destination, int firstRow, int rows)
    {
        OperandChecks.WriteRows(source, destination, firstRow, rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        Send(source, destination, firstRow, rows);
    }

    private void Send(ReadOnlySpan<float> source, Tensor destination, int row, int rows)
    {
        torch.Tensor host = _staging.Piece(torch.ScalarType.Float32, source.Length);
        source.CopyTo(HostStaging.Elements<float>(host));
        HostStaging.Send(host.view(rows, destination.Columns), Torch(destination).Write(row, rows));
    }

    /// <inheritdoc/>
    public override void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output)
    {
        OperandChecks.Embed(table, ids, output);
        if (ids.IsEmpty)
            return;
        using Operation operation = _operation.Begin();
        TorchTensor source = Torch(table);
        torch.Tensor rows = Indices(ids), chosen = source.Elements.index_select(0, rows);
        Torch(output).Write(ids.Length).copy_(
            source.DType == DType.Q8 ? Dequantised(chosen, source.Scales.index_select(0, rows), source.Columns) : chosen);
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output)
    {
        OperandChecks.GatherRows(input, rows, output);
        if (rows.IsEmpty)
            return;
        using Operation _ = _operation.Begin();
        Torch(output).Write(rows.Length).copy_(Torch(input).Elements.index_select(0, Indices(rows)));
    }

    private static torch.ScalarType Native(DType dtype) => dtype switch
    {
        DType.F32 => torch.ScalarType.Float32,
        DType.F16 => torch.ScalarType.Float16,
        DType.BF16 => torch.ScalarType.BFloat16,
        DType.Q8 => torch.ScalarType.Int8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Unknown dtype."),
    };

    /// <summary>A view's elements in host memory of their own, which the device can read fast.</summary>
    private torch.Tensor OnHost(TensorView view)
    {
        int count = checked(view.Rows * view.Columns);
        torch.Tensor host = _staging.Of(Native(view.DType), count);
        new ReadOnlySpan<byte>(view.Data, checked((int)view.DType.ByteCount(count))).CopyTo(host.bytes);
        return host.view(view.Rows, view.Columns);
    }

    /// <summary>Quantises rows on the host, with the CPU's own code: the same bits.</summary>
    private void Encode(TensorView source, TorchTensor target, int firstRow)
    {
        int blocks = Q8Format.BlockCount(source.Columns), width = blocks * Q8Format.BlockSize, offset = Q8Format.QuantOffset(source.Columns);
        torch.Tensor quants = _staging.Of(torch.ScalarType.Int8, source.Rows * width), scales = _staging.Of(torch.ScalarType.BFloat16, source.Rows * blocks);
        byte[] row = new byte[Q8Format.RowStride(source.Columns)];
        for (int i = 0; i < source.Rows; i++)
        {
            fixed (byte* encoded = row)
                RowCodec.Convert((byte*)source.Slice(i, 1).Data, source.DType, source.Columns, encoded, DType.Q8);
            row.AsSpan(0, blocks * Q8Format.ScaleBytes).CopyTo(scales.bytes[(i * blocks * Q8Format.ScaleBytes)..]);
            row.AsSpan(offset, width).CopyTo(quants.bytes[(i * width)..]);
        }
        target.Write(firstRow, source.Rows).copy_(quants.view(source.Rows, width));
        target.Scales.narrow(0, firstRow, source.Rows).copy_(scales.view(source.Rows, blocks));
    }

    /// <summary>Rows of a Q8 tensor in F32.</summary>
    private static torch.Tensor Dequantised(TorchTensor tensor, int first, int rows)
        => Dequantised(tensor.Elements.narrow(0, first, rows), tensor.Scales.narrow(0, first, rows), tensor.Columns);

    private static torch.Tensor Dequantised(torch.Tensor quants, torch.Tensor scales, int columns)
    {
        long rows = quants.shape[0], blocks = scales.shape[1];
        torch.Tensor values = quants.to_type(torch.ScalarType.Float32).view(rows, blocks, Q8Format.BlockSize).mul_(scales.unsqueeze(-1));
        return values.view(rows, blocks * Q8Format.BlockSize).narrow(1, 0, columns).contiguous();
    }

    /// <summary>Whole numbers on the device.</summary>
    internal torch.Tensor Indices(ReadOnlySpan<int> values)
    {
        torch.Tensor host = _staging.Piece(torch.ScalarType.Int64, values.Length);
        Span<long> wide = HostStaging.Elements<long>(host);
        for (int i = 0; i < values.Length; i++)
            wide[i] = values[i];
        return HostStaging.Send(host, _device);
    }
}
