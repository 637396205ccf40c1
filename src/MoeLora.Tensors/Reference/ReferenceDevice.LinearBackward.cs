using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
    {
        OperandChecks.LinearBackwardInput(outputGradient, weight, inputGradient, rows);
        double[][] sums = Sums(inputGradient, rows);
        for (int o = 0; o < weight.Rows; o++)
        {
            float[] w = Decode(CpuDevice.Cpu(weight), o);
            for (int row = 0; row < rows; row++)
                AddProducts(Values(outputGradient, row)[o], w, sums[row]);
        }

        Store(sums, inputGradient);
    }

    /// <inheritdoc/>
    public override void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
    {
        OperandChecks.LinearBackwardWeight(outputGradient, input, weightGradient, rows);
        double[][] sums = Sums(weightGradient, weightGradient.Rows);
        for (int row = 0; row < rows; row++)
        {
            for (int o = 0; o < sums.Length; o++)
                AddProducts(Values(outputGradient, row)[o], Values(input, row), sums[o]);
        }

        Store(sums, weightGradient);
    }

    /// <summary>What the first rows of a gradient hold, to be added to.</summary>
    private static double[][] Sums(Tensor gradient, int rows)
    {
        double[][] sums = new double[rows][];
        for (int row = 0; row < rows; row++)
        {
            sums[row] = new double[gradient.Columns];
            for (int i = 0; i < gradient.Columns; i++)
                sums[row][i] = Values(gradient, row)[i];
        }

        return sums;
    }

    private static void AddProducts(double factor, ReadOnlySpan<float> values, double[] sums)
    {
        for (int i = 0; i < sums.Length; i++)
            sums[i] += factor * values[i];
    }

    private static void Store(double[][] sums, Tensor gradient)
    {
        for (int row = 0; row < sums.Length; row++)
        {
            for (int i = 0; i < gradient.Columns; i++)
                Values(gradient, row)[i] = (float)sums[row][i];
        }
    }
}
