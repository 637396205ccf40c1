using System.Runtime.InteropServices;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu.Kernels;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    /// <inheritdoc/>
    public override void Fill(Tensor tensor, float value, int rows)
    {
        OperandChecks.Activations(tensor, rows, nameof(tensor));
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        Torch(tensor).Write(rows).fill_(operation.Number(value));
    }

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        Torch(destination).Write(rows).copy_(Torch(source).Read(rows));
    }

    /// <inheritdoc/>
    public override void AddScaled(Tensor source, float scale, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        Torch(destination).Write(rows).Increase(Torch(source).Read(rows), operation.Number(scale));
    }

    /// <inheritdoc/>
    public override void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows)
    {
        OperandChecks.Multiply(a, b, output, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor product = Torch(a).Read(rows).mul(Torch(b).Read(rows)), target = Torch(output).Write(rows);
        if (beta == 0)
            target.copy_(product);
        else
            target.mul_(operation.Number(beta)).Increase(product);
    }

    /// <inheritdoc/>
    /// <remarks>The hash of <see cref="DropoutMask"/> in 64-bit integers, of which the lower 32 bits count: a product's lower half is right whatever overflows.</remarks>
    public override void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows)
    {
        OperandChecks.Dropout(input, rate, output, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor keys = _staging.Piece(torch.ScalarType.Int64, 2 * rows);
        Span<long> halves = HostStaging.Elements<long>(keys);
        for (int row = 0; row < rows; row++)
            (halves[row], halves[rows + row]) = DropoutMask.Key(seed, row);
        torch.Tensor both = HostStaging.Send(keys, _device).view(2, rows, 1), low = torch.tensor(uint.MaxValue, torch.ScalarType.Int64, _device);
        torch.Tensor hash = Range(input.Columns).mul_(operation.Number((long)DropoutMask.ColumnStep)).Plus(both.select(0, 0)).bitwise_and_(low);
        hash = Hash(Hash(hash).bitwise_xor_(both.select(0, 1)));
        // A product with 0 or 1 / (1 − rate), so that a dropped NaN stays one.
        torch.Tensor factor = hash.ge(operation.Number((long)DropoutMask.Threshold(rate))).to_type(torch.ScalarType.Float32).mul_(operation.Number(DropoutMask.Kept(rate)));
        Torch(output).Write(rows).copy_(Torch(input).Read(rows).mul(factor));

        torch.Tensor Hash(torch.Tensor x)
        {
            x = x.bitwise_xor_(x.bitwise_right_shift(Shift(16))).mul_(operation.Number((long)DropoutMask.Multiplier1)).bitwise_and_(low);
            x = x.bitwise_xor_(x.bitwise_right_shift(Shift(15))).mul_(operation.Number((long)DropoutMask.Multiplier2)).bitwise_and_(low);
            return x.bitwise_xor_(x.bitwise_right_shift(Shift(16)));
        }

        torch.Tensor Shift(long bits) => torch.tensor(bits, torch.ScalarType.Int64, _device);
    }

    /// <inheritdoc/>
    /// <remarks>A GPU adds rows that go to the same place in any order. So each pass adds to a place once: first all first rows for their place, then all second ones, and so on.</remarks>
    public override void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination)
    {
        OperandChecks.ScatterAddRows(source, indices, destination);
        if (indices.IsEmpty)
            return;
        var counts = new Dictionary<int, int>();
        var passes = new List<(List<int> From, List<int> To)>();
        for (int i = 0; i < indices.Length; i++)
        {
            ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, indices[i], out _);
            if (count == passes.Count)
                passes.Add(([], []));
            passes[count].From.Add(i);
            passes[count].To.Add(indices[i]);
            count++;
        }

        using Operation operation = _operation.Begin();
        torch.Tensor rows = Torch(source).Read(indices.Length), sums = Torch(destination).Write(destination.Rows);
        Scalar one = operation.Number(1.0);
        foreach ((List<int> from, List<int> to) in passes)
            sums.index_add_(0, Indices(CollectionsMarshal.AsSpan(to)), rows.index_select(0, Indices(CollectionsMarshal.AsSpan(from))), one);
    }

    /// <inheritdoc/>
    public override double SumOfSquares(Tensor tensor)
    {
        OperandChecks.Activations(tensor, 0, nameof(tensor));
        using Operation _ = _operation.Begin();
        torch.Tensor values = Torch(tensor).Elements.to_type(torch.ScalarType.Float64);
        return values.mul_(values).sum().cpu().item<double>();
    }

    /// <inheritdoc/>
    public override void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step)
    {
        OperandChecks.AdamW(parameter, gradient, mean, meanSquare, step);
        using Operation operation = _operation.Begin();
        (double correction, double squareCorrection) = Tensors.Cpu.Kernels.AdamW.Corrections(step);
        int rows = parameter.Rows;
        torch.Tensor p = Torch(parameter).Write(rows), m = Torch(mean).Write(rows), v = Torch(meanSquare).Write(rows);
        torch.Tensor g = Torch(gradient).Read(rows).mul(operation.Number(step.GradientScale));
        m.mul_(operation.Number(step.Beta1)).Increase(g, operation.Number(1 - (double)step.Beta1));
        v.mul_(operation.Number(step.Beta2)).addcmul_(g, g, operation.Number(1 - (double)step.Beta2));
        torch.Tensor update = m.div(operation.Number(correction)).div_(v.div(operation.Number(squareCorrection)).sqrt_().Increase(operation.Number(step.Epsilon)));
        if (step.WeightDecay != 0)
            update.Increase(p, operation.Number(step.WeightDecay));
        p.sub_(update.mul_(operation.Number(step.LearningRate)));
    }
}
