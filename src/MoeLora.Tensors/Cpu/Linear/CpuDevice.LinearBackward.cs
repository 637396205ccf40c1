using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Cpu;

public sealed unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    public override void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
    {
        OperandChecks.LinearBackwardInput(outputGradient, weight, inputGradient, rows);
        var items = new InputGradientRows { OutputGradient = Cpu(outputGradient), Weight = Cpu(weight), InputGradient = Cpu(inputGradient) };
        ForEach(ref items, rows, (long)weight.Rows * weight.Columns);
    }

    /// <inheritdoc/>
    public override void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
    {
        OperandChecks.LinearBackwardWeight(outputGradient, input, weightGradient, rows);
        var items = new WeightGradientRows { OutputGradient = Cpu(outputGradient), Input = Cpu(input), WeightGradient = Cpu(weightGradient), Rows = rows };
        ForEach(ref items, weightGradient.Rows, (long)rows * input.Columns);
    }

    /// <summary>sums += factor · values, over whole vectors up to the columns; what is beyond stays as it is.</summary>
    private static void AddProducts(float factor, float* values, float* sums, int columns)
    {
        Vector256<float> f = Vector256.Create(factor);
        int i = 0;
        for (; i + 8 <= columns; i += 8)
            Vector256.FusedMultiplyAdd(f, Vector256.Load(values + i), Vector256.Load(sums + i)).Store(sums + i);
        for (; i < columns; i++)
            sums[i] = MathF.FusedMultiplyAdd(factor, values[i], sums[i]);
    }

    private struct InputGradientRows : IItems
    {
        public CpuTensor OutputGradient, Weight, InputGradient;

        public readonly void Execute(int item)
        {
            float* widened = stackalloc float[Weight.DType == DType.F32 ? 0 : Weight.PaddedColumns];
            for (int o = 0; o < Weight.Rows; o++)
            {
                float* w = (float*)Weight.Row(o);
                if (Weight.DType != DType.F32)
                    RowCodec.Decode(Weight.Row(o), Weight.DType, Weight.Columns, w = widened);
                AddProducts(OutputGradient.F32Row(item)[o], w, InputGradient.F32Row(item), Weight.Columns);
            }
        }
    }

    private struct WeightGradientRows : IItems
    {
        public CpuTensor OutputGradient, Input, WeightGradient;
        public int Rows;

        public readonly void Execute(int item)
        {
            for (int row = 0; row < Rows; row++)
                AddProducts(OutputGradient.F32Row(row)[item], Input.F32Row(row), WeightGradient.F32Row(item), Input.Columns);
        }
    }
}
