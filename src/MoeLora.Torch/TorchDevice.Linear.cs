using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    // Elements of a weight that are widened at a time: the largest piece of scratch memory, 64 MiB.
    private const long WidenedElements = 16 << 20;

    /// <inheritdoc/>
    /// <remarks>
    /// Rows go through products of a fixed number of rows, the last one filled up with zeros: a product's order of summation depends on its shape, and so a row's bits would depend on
    /// how many rows the call has.
    /// </remarks>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any)
    {
        OperandChecks.Linear(input, rows, calls);
        if (rows == 0)
            return;
        int tile = order == LinearOrder.Few || (order == LinearOrder.Any && rows <= FewRows) ? _fewTile : _manyTile;
        try
        {
            using Operation operation = _operation.Begin();
            var x = new Multiplicand(this, Torch(input).Read(rows), tile);
            foreach (ref readonly LinearCall call in calls)
                Apply(operation, x, call);
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            throw DeviceMemory.Error(Name, $"a dense layer of {rows} rows", e);
        }
    }

    /// <summary>output = beta · output + x · Wᵀ + bias + the deltas of ranges of rows.</summary>
    private void Apply(Operation operation, Multiplicand x, in LinearCall call)
    {
        int rows = x.Rows;
        TorchTensor output = Torch(call.Output), weight = Torch(call.Weight);
        torch.Tensor product = torch.empty(x.PaddedRows, weight.Rows, torch.ScalarType.Float32, _device);
        Multiply(x, weight, product);
        torch.Tensor sums = product.narrow(0, 0, rows);
        if (call.Bias is { } bias)
            sums.Increase(Torch(bias).Elements);
        for (int i = 0; i < call.DeltaCount; i++)
        {
            RowDelta part = call.DeltaAt(i, rows);
            if (part.RowCount > 0)
                sums.narrow(0, part.FirstRow, part.RowCount).Increase(DeltaOf(operation, x, part));
        }

        torch.Tensor target = output.Write(rows);
        if (call.Beta == 0)
            target.copy_(sums);
        else if (call.Beta == 1)
            target.Increase(sums);
        else
            target.mul_(operation.Number(call.Beta)).Increase(sums);
    }

    /// <summary>B · (gate ∘ (A · x)) for a range of rows. A row whose gate is all zeros adds nothing, whatever A · x is.</summary>
    private torch.Tensor DeltaOf(Operation operation, Multiplicand x, RowDelta part)
    {
        int rank = part.Delta.Rank;
        Multiplicand rows = x.Range(part.FirstRow, part.RowCount);
        torch.Tensor reduced = torch.empty(rows.PaddedRows, rank, torch.ScalarType.Float32, _device);
        Multiply(rows, Torch(part.Delta.A), reduced);
        torch.Tensor gate = Torch(part.Gate).Elements.narrow(0, part.FirstRow, part.RowCount).narrow(1, 0, rank);
        torch.Tensor gated = reduced.narrow(0, 0, part.RowCount).mul(gate);
        gated.masked_fill_(gate.eq(operation.Number(0.0)).all(1, keepdim: true), operation.Number(0.0));
        var second = new Multiplicand(this, gated, x.Tile);
        torch.Tensor expanded = torch.empty(second.PaddedRows, part.Delta.B.Rows, torch.ScalarType.Float32, _device);
        Multiply(second, Torch(part.Delta.B), expanded);
        return expanded.narrow(0, 0, part.RowCount);
    }

    /// <summary>product = x · Wᵀ, a tile of rows at a time.</summary>
    private void Multiply(Multiplicand x, TorchTensor weight, torch.Tensor product)
    {
        if (_halfProducts && weight.DType is DType.F16 or DType.BF16)
        {
            torch.Tensor transposed = weight.Elements.t();
            for (int row = 0; row < x.PaddedRows; row += x.Tile)
                product.narrow(0, row, x.Tile).copy_(x.As(weight.Elements.dtype, row).mm(transposed));
            return;
        }

        int step = weight.DType == DType.F32 ? weight.Rows : (int)Math.Clamp(WidenedElements / weight.Columns, 1, weight.Rows);
        for (int first = 0; first < weight.Rows; first += step)
        {
            int outputs = Math.Min(step, weight.Rows - first);
            torch.Tensor transposed = Wide(weight, first, outputs).t(), part = outputs == weight.Rows ? product : product.narrow(1, first, outputs);
            for (int row = 0; row < x.PaddedRows; row += x.Tile)
                part.narrow(0, row, x.Tile).addmm_(x.At(row), transposed, beta: 0);
        }
    }

    /// <summary>Rows of a weight in F32: its own memory, or scratch memory that the next call overwrites.</summary>
    private torch.Tensor Wide(TorchTensor weight, int first, int rows)
    {
        torch.Tensor elements = rows == weight.Rows ? weight.Elements : weight.Elements.narrow(0, first, rows);
        if (weight.DType == DType.F32)
            return elements;
        long width = elements.shape[1], count = rows * width;
        if (_widened is null || _widened.numel() < count)
        {
            _widened?.Dispose();
            _widened = null;
            _widened = torch.empty(count, torch.ScalarType.Float32, _device).DetachFromDisposeScope();
        }

        torch.Tensor wide = _widened.narrow(0, 0, count).view(rows, width).copy_(elements);
        if (weight.DType != DType.Q8)
            return wide;
        wide.view(rows, -1, Q8Format.BlockSize).mul_(weight.Scales.narrow(0, first, rows).unsqueeze(-1));
        return wide.narrow(1, 0, weight.Columns);
    }

    /// <summary>The rows of a product's left side, in whole tiles.</summary>
    private sealed class Multiplicand
    {
        private readonly TorchDevice _device;
        private readonly torch.Tensor _rows;   // [Rows, columns]
        private readonly torch.Tensor _padded; // [PaddedRows, columns]
        private torch.Tensor? _half;

        public Multiplicand(TorchDevice device, torch.Tensor rows, int tile)
        {
            (_device, _rows, Tile) = (device, rows, tile);
            Rows = (int)rows.shape[0];
            PaddedRows = (Rows + tile - 1) / tile * tile;
            if (Rows == PaddedRows)
            {
                _padded = rows;
                return;
            }
            _padded = torch.zeros(PaddedRows, rows.shape[1], torch.ScalarType.Float32, device._device);
            _padded.narrow(0, 0, Rows).copy_(rows);
        }

        public int Rows { get; }

        public int PaddedRows { get; }

        public int Tile { get; }

        /// <summary>The tile that begins at a row.</summary>
        public torch.Tensor At(int row) => _padded.narrow(0, row, Tile);

        /// <summary>The same, rounded to a 16-bit format.</summary>
        public torch.Tensor As(torch.ScalarType type, int row)
        {
            if (_half is null || _half.dtype != type)
                _half = _padded.to_type(type);
            return _half.narrow(0, row, Tile);
        }

        /// <summary>A range of the rows, in tiles of its own.</summary>
        public Multiplicand Range(int first, int count) => first == 0 && count == Rows ? this : new Multiplicand(_device, _rows.narrow(0, first, count), Tile);
    }
}
