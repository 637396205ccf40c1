namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void RmsNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, null, rows);
        double[] sums = new double[input.Columns];
        for (int row = 0; row < rows; row++)
        {
            double factor = Cpu.Kernels.RmsNormBackward.Scalar(
                Pointer(input, row), Pointer(weight, 0), epsilon, Pointer(outputGradient, row), Pointer(inputGradient, row), input.Columns);
            Cpu.Kernels.NormWeightGradient.Scalar(Pointer(input, row), Pointer(outputGradient, row), 0, factor, sums);
        }
        if (weightGradient is not null)
            Add(sums, Values(weightGradient, 0));
    }

    /// <inheritdoc/>
    public override void LayerNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, biasGradient, rows);
        double[] sums = new double[input.Columns];
        for (int row = 0; row < rows; row++)
        {
            (double mean, double factor) = Cpu.Kernels.LayerNormBackward.Scalar(
                Pointer(input, row), Pointer(weight, 0), epsilon, Pointer(outputGradient, row), Pointer(inputGradient, row), input.Columns);
            Cpu.Kernels.NormWeightGradient.Scalar(Pointer(input, row), Pointer(outputGradient, row), mean, factor, sums);
        }
        if (weightGradient is not null)
            Add(sums, Values(weightGradient, 0));
        if (biasGradient is not null)
            SumRows(outputGradient, biasGradient, rows);
    }

    /// <inheritdoc/>
    public override void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows)
    {
        OperandChecks.SiluGateBackward(gate, up, outputGradient, gateGradient, upGradient, rows);
        for (int row = 0; row < rows; row++)
        {
            Cpu.Kernels.SiluGateBackward.Scalar(
                Pointer(gate, row), Pointer(up, row), Pointer(outputGradient, row), Pointer(gateGradient, row), Pointer(upGradient, row), gate.Columns);
        }
    }

    /// <inheritdoc/>
    public override void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind)
    {
        OperandChecks.Gradients(input, nameof(input), outputGradient, inputGradient, nameof(inputGradient), rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.GeluBackward.Scalar(Pointer(input, row), Pointer(outputGradient, row), Pointer(inputGradient, row), input.Columns, kind);
    }

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows)
    {
        OperandChecks.Gradients(probabilities, nameof(probabilities), outputGradient, inputGradient, nameof(inputGradient), rows);
        for (int row = 0; row < rows; row++)
            Cpu.Kernels.SoftmaxBackward.Scalar(Pointer(probabilities, row), Pointer(outputGradient, row), Pointer(inputGradient, row), probabilities.Columns);
    }

    /// <inheritdoc/>
    public override double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale)
    {
        OperandChecks.CrossEntropy(logits, targets);
        double sum = 0;
        for (int row = 0; row < targets.Length; row++)
            sum += Cpu.Kernels.CrossEntropy.Scalar(Pointer(logits, row), targets[row], gradientScale, logits.Columns);
        return sum;
    }

    /// <inheritdoc/>
    public override void SumRows(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.SumRows(source, destination, rows);
        double[] sums = new double[source.Columns];
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < sums.Length; i++)
                sums[i] += Pointer(source, row)[i];
        }
        Add(sums, Values(destination, 0));
    }

    private static void Add(double[] sums, Span<float> destination)
    {
        for (int i = 0; i < sums.Length; i++)
            destination[i] = (float)(destination[i] + sums[i]);
    }
}
