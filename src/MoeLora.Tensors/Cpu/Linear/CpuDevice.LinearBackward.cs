using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <inheritdoc/>
    public override void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
    {
        OperandChecks.LinearBackwardInput(outputGradient, weight, inputGradient, rows);
        CpuTensor left = Cpu(outputGradient), destination = Cpu(inputGradient);
        Multiply(new ProductPlan
        {
            Left = left.F32Row(0),
            LeftStride = left.PaddedColumns,
            LeftReadable = left.PaddedColumns,
            Right = Matrix(weight),
            Beta = 1,
            Destination = destination.F32Row(0),
            DestinationStride = destination.PaddedColumns,
            Rows = rows,
            Columns = weight.Columns,
            Terms = weight.Rows,
        });
        GC.KeepAlive(outputGradient);
        GC.KeepAlive(weight);
        GC.KeepAlive(inputGradient);
    }

    /// <inheritdoc/>
    public override void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
    {
        OperandChecks.LinearBackwardWeight(outputGradient, input, weightGradient, rows);
        CpuTensor left = Cpu(outputGradient), destination = Cpu(weightGradient);
        Multiply(new ProductPlan
        {
            Left = left.F32Row(0),
            LeftStride = left.PaddedColumns,
            LeftTransposed = true,
            LeftReadable = left.PaddedColumns,
            Right = Matrix(input),
            Beta = 1,
            Destination = destination.F32Row(0),
            DestinationStride = destination.PaddedColumns,
            Rows = weightGradient.Rows,
            Columns = input.Columns,
            Terms = rows,
        });
        GC.KeepAlive(outputGradient);
        GC.KeepAlive(input);
        GC.KeepAlive(weightGradient);
    }

    private void Multiply(in ProductPlan plan)
    {
        if (plan.Rows == 0 || plan.Terms == 0)
            return;
        switch (Lanes)
        {
            case 16: Multiply<Lanes512, Vector512<float>>(plan); break;
            case 8: Multiply<Lanes256, Vector256<float>>(plan); break;
            default: Multiply<LanesScalar, float>(plan); break;
        }
    }

    private void Multiply<L, V>(in ProductPlan plan)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        long stride = (ProductKernel<L, V>.ScratchFloats + 15) & ~15;
        float* scratch = (float*)_workerScratch.Reserve(stride * Pool.Threads * sizeof(float));
        var job = new ProductJob<L, V>(plan, Pool.Threads, scratch, stride);
        Pool.Run(ref job);
    }
}
