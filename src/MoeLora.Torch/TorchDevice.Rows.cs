using MoeLora.Tensors;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    /// <inheritdoc/>
    public override void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, null, output, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor x = Torch(input).Read(rows);
        torch.Tensor factor = RootMeanSquare(operation, x, epsilon);
        Torch(output).Write(rows).copy_(x.mul(factor).mul_(Torch(weight).Elements));
    }

    /// <inheritdoc/>
    public override void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows)
    {
        OperandChecks.Norm(input, weight, bias, output, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor normed = functional.layer_norm(Torch(input).Read(rows), [input.Columns], Torch(weight).Elements.view(-1), Torch(bias).Elements.view(-1), epsilon);
        Torch(output).Write(rows).copy_(normed);
    }

    /// <inheritdoc/>
    public override void SiluGate(Tensor gate, Tensor up, Tensor output, int rows)
    {
        OperandChecks.SiluGate(gate, up, output, rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        torch.Tensor factors = Torch(up).Read(rows);
        if (ReferenceEquals(output, gate) && !ReferenceEquals(output, up))
            Torch(output).Write(rows).silu_().mul_(factors);
        else
            Torch(output).Write(rows).copy_(Torch(gate).Read(rows).silu().mul_(factors));
    }

    /// <inheritdoc/>
    public override void Gelu(Tensor input, Tensor output, int rows, GeluKind kind)
    {
        OperandChecks.Elementwise(input, output, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor x = Torch(input).Read(rows);
        // Not libtorch's own exact form: it adds 1 to an error function near −1, and what is left of negative inputs is rounding.
        Torch(output).Write(rows).copy_(kind == GeluKind.Tanh ? x.gelu(TorchSharp.Modules.GELU.Approximate.tanh) : NormalShare(operation, x).mul_(x));
    }

    /// <inheritdoc/>
    public override void Softmax(Tensor values, int rows)
    {
        OperandChecks.Activations(values, rows, nameof(values));
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        torch.Tensor x = Torch(values).Write(rows);
        x.copy_(functional.softmax(x, -1));
    }

    /// <inheritdoc/>
    public override int? ArgMax(Tensor values, int row)
    {
        OperandChecks.Activations(values, 0, nameof(values));
        OperandChecks.Row(values, row, values.Columns, nameof(values));
        using Operation _ = _operation.Begin();
        int?[] column = [null];
        Largest(Torch(values).Elements.narrow(0, row, 1), column);
        return column[0];
    }

    /// <inheritdoc/>
    public override void ArgMax(Tensor values, Span<int?> columns)
    {
        OperandChecks.Activations(values, columns.Length, nameof(values));
        if (columns.IsEmpty)
            return;
        using Operation _ = _operation.Begin();
        Largest(Torch(values).Read(columns.Length), columns);
    }

    /// <summary>Of every row, with one transfer.</summary>
    private static void Largest(torch.Tensor rows, Span<int?> columns)
    {
        // A NaN is larger than all else here. Values and places come back in one piece; a place in a row is a whole number that a double holds.
        (torch.Tensor largest, torch.Tensor place) = rows.max(1);
        ReadOnlySpan<double> both = HostStaging.Elements<double>(
            torch.cat([largest.to_type(torch.ScalarType.Float64), place.to_type(torch.ScalarType.Float64)]).cpu());
        for (int row = 0; row < columns.Length; row++)
            columns[row] = double.IsNaN(both[row]) ? null : (int)both[columns.Length + row];
    }

    /// <inheritdoc/>
    public override void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
    {
        OperandChecks.Rotary(heads, rows, dimOffset, table, positions);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        int half = table.Cos.Columns;
        (torch.Tensor cos, torch.Tensor sin) = _rotary.Of(Torch(table.Cos), Torch(table.Sin), positions[..rows], Indices);
        TorchTensor tensor = Torch(heads.Tensor);
        torch.Tensor all = tensor.Write(tensor.Rows);
        torch.Tensor first = Part(all, tensor, heads, rows, dimOffset, half), second = Part(all, tensor, heads, rows, dimOffset + half, half);
        torch.Tensor turned = first.mul(cos).addcmul_(second, sin, operation.Number(-1.0));
        second.mul_(cos).addcmul_(first, sin, operation.Number(1.0));
        first.copy_(turned);
    }

    /// <summary>Φ(x) = erfc(−x/√2) / 2.</summary>
    private static torch.Tensor NormalShare(Operation operation, torch.Tensor x) => x.mul(operation.Number(-Math.Sqrt(0.5))).erfc().mul_(operation.Number(0.5));

    /// <summary>1 / √(mean(x²) + ε) by row, [rows, 1].</summary>
    private static torch.Tensor RootMeanSquare(Operation operation, torch.Tensor x, float epsilon)
        => x.mul(x).mean([-1], keepdim: true).Increase(operation.Number(epsilon)).rsqrt_();

    /// <summary>x − mean and 1 / √(variance + ε) by row.</summary>
    private static (torch.Tensor Centred, torch.Tensor Factor) Centred(Operation operation, torch.Tensor x, float epsilon)
    {
        torch.Tensor centred = x.sub(x.mean([-1], keepdim: true));
        return (centred, RootMeanSquare(operation, centred, epsilon));
    }

    /// <summary>Elements [offset, offset + count) of every head, [rows, heads, count].</summary>
    private static torch.Tensor Part(torch.Tensor all, TorchTensor tensor, HeadView heads, int rows, int offset, int count, int firstRow = 0)
        => all.as_strided([rows, heads.Heads, count], [tensor.Columns, heads.Stride, 1], (long)firstRow * tensor.Columns + heads.Offset + offset);
}
