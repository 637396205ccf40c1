using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void Fill(Tensor tensor, float value, int rows)
    {
        OperandChecks.Activations(tensor, rows, nameof(tensor));
        for (int row = 0; row < rows; row++)
            Values(tensor, row).Fill(value);
    }

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        for (int row = 0; row < rows; row++)
            Values(source, row).CopyTo(Values(destination, row));
    }

    /// <inheritdoc/>
    public override void AddScaled(Tensor source, float scale, Tensor destination, int rows)
    {
        OperandChecks.Copy(source, destination, rows);
        for (int row = 0; row < rows; row++)
            ScaledSum.Scalar(Pointer(source, row), scale, Pointer(destination, row), source.Columns);
    }

    /// <inheritdoc/>
    public override void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows)
    {
        OperandChecks.Multiply(a, b, output, rows);
        for (int row = 0; row < rows; row++)
            Product.Scalar(Pointer(a, row), Pointer(b, row), beta, Pointer(output, row), a.Columns);
    }

    /// <inheritdoc/>
    public override void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows)
    {
        OperandChecks.Dropout(input, rate, output, rows);
        for (int row = 0; row < rows; row++)
            new DropoutMask(rate, seed, row).Scalar(Pointer(input, row), 0, Pointer(output, row), input.Columns);
    }

    /// <inheritdoc/>
    public override void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination)
    {
        OperandChecks.ScatterAddRows(source, indices, destination);
        var sums = new Dictionary<int, double[]>();
        for (int i = 0; i < indices.Length; i++)
        {
            if (!sums.TryGetValue(indices[i], out double[]? sum))
                sums.Add(indices[i], sum = new double[source.Columns]);
            for (int column = 0; column < sum.Length; column++)
                sum[column] += Pointer(source, i)[column];
        }
        foreach ((int row, double[] sum) in sums)
            Add(sum, Values(destination, row));
    }

    /// <inheritdoc/>
    public override double SumOfSquares(Tensor tensor)
    {
        OperandChecks.Activations(tensor, 0, nameof(tensor));
        double sum = 0;
        for (int row = 0; row < tensor.Rows; row++)
            sum += Cpu.Kernels.SumOfSquares.Scalar(Pointer(tensor, row), tensor.Columns);
        return sum;
    }

    /// <inheritdoc/>
    public override void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step)
    {
        OperandChecks.AdamW(parameter, gradient, mean, meanSquare, step);
        for (int row = 0; row < parameter.Rows; row++)
        {
            Cpu.Kernels.AdamW.Scalar(
                Pointer(parameter, row), Pointer(gradient, row), Pointer(mean, row), Pointer(meanSquare, row), parameter.Columns, step);
        }
    }
}
