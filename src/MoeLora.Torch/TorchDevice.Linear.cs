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
        torch.Tensor target = Torch(call.Output).Write(rows);
        if (call.Beta is not (0 or 1))
            target.mul_(operation.Number(call.Beta));
        Multiply(x, Torch(call.Weight), target, adds: call.Beta != 0);
        if (call.Bias is { } bias)
            target.Increase(Torch(bias).Elements);
        for (int i = 0; i < call.DeltaCount; i++)
        {
            RowDelta part = call.DeltaAt(i, rows);
            if (part.RowCount > 0)
                AddDelta(operation, x, part, part.RowCount == rows ? target : target.narrow(0, part.FirstRow, part.RowCount));
        }
    }

    /// <summary>target += B · (gate ∘ (A · x)) for a range of rows. A row whose gate is all zeros adds nothing, whatever A · x is.</summary>
    private void AddDelta(Operation operation, Multiplicand x, RowDelta part, torch.Tensor target)
    {
        int rank = part.Delta.Rank;
        Multiplicand rows = x.Range(part.FirstRow, part.RowCount);
        torch.Tensor gated = torch.empty(part.RowCount, rank, torch.ScalarType.Float32, _device);
        Multiply(rows, Torch(part.Delta.A), gated, adds: false);
        (torch.Tensor gate, torch.Tensor isZero) = _gates.Of(operation, Torch(part.Gate), part.FirstRow, part.RowCount, rank);
        gated.mul_(gate).masked_fill_(isZero, operation.Number(0.0));
        Multiply(new Multiplicand(this, gated, x.Tile), Torch(part.Delta.B), target, adds: true);
    }

    /// <summary>target = x · Wᵀ, or target += x · Wᵀ; a tile of rows at a time.</summary>
    private void Multiply(Multiplicand x, TorchTensor weight, torch.Tensor target, bool adds)
    {
        if (_halfProducts && weight.DType is DType.F16 or DType.BF16)
        {
            torch.Tensor transposed = weight.Elements.t();
            for (int row = 0; row < x.Rows; row += x.Tile)
                Put(x.As(weight.Elements.dtype, row).mm(transposed), x.Count(row), x.Part(target, row), adds);
            return;
        }

        int step = weight.DType == DType.F32 ? weight.Rows : (int)Math.Clamp(WidenedElements / weight.Columns, 1, weight.Rows);
        for (int first = 0; first < weight.Rows; first += step)
        {
            int outputs = Math.Min(step, weight.Rows - first);
            torch.Tensor transposed = Wide(weight, first, outputs).t(), part = outputs == weight.Rows ? target : target.narrow(1, first, outputs);
            for (int row = 0; row < x.Rows; row += x.Tile)
                Put(x.At(row).mm(transposed), x.Count(row), x.Part(part, row), adds);
        }
    }

    /// <summary>Puts the rows of a product that are no filling where they belong.</summary>
    private static void Put(torch.Tensor product, int rows, torch.Tensor target, bool adds)
    {
        torch.Tensor used = rows == product.shape[0] ? product : product.narrow(0, 0, rows);
        if (adds)
            target.Increase(used);
        else
            target.copy_(used);
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
    /// <remarks>What fills the last tile up is whatever was in its memory: no row of a product depends on another one.</remarks>
    private sealed class Multiplicand
    {
        private readonly TorchDevice _device;
        private readonly torch.Tensor _rows; // [Rows, columns]
        private readonly int _paddedRows;
        private torch.Tensor? _padded, _half; // [_paddedRows, columns]

        public Multiplicand(TorchDevice device, torch.Tensor rows, int tile)
        {
            (_device, _rows, Tile) = (device, rows, tile);
            Rows = (int)rows.shape[0];
            _paddedRows = (Rows + tile - 1) / tile * tile;
        }

        public int Rows { get; }

        public int Tile { get; }

        /// <summary>The rows of the tile that begins at a row, without filling.</summary>
        public int Count(int row) => Math.Min(Tile, Rows - row);

        /// <summary>Their part of a matrix with a row for each.</summary>
        public torch.Tensor Part(torch.Tensor matrix, int row) => Rows <= Tile ? matrix : matrix.narrow(0, row, Count(row));

        /// <summary>The tile that begins at a row.</summary>
        public torch.Tensor At(int row) => Tiled(_padded ??= Rows == _paddedRows ? _rows : Filled(torch.ScalarType.Float32), row);

        /// <summary>The same, rounded to a 16-bit format.</summary>
        public torch.Tensor As(torch.ScalarType type, int row)
        {
            if (_half is null || _half.dtype != type)
                _half = Filled(type);
            return Tiled(_half, row);
        }

        /// <summary>A range of the rows, in tiles of its own.</summary>
        public Multiplicand Range(int first, int count) => first == 0 && count == Rows ? this : new Multiplicand(_device, _rows.narrow(0, first, count), Tile);

        private torch.Tensor Tiled(torch.Tensor all, int row) => _paddedRows == Tile ? all : all.narrow(0, row, Tile);

        private torch.Tensor Filled(torch.ScalarType type)
        {
            torch.Tensor filled = torch.empty(_paddedRows, _rows.shape[1], type, _device._device);
            (Rows == _paddedRows ? filled : filled.narrow(0, 0, Rows)).copy_(_rows);
            return filled;
        }
    }
}
