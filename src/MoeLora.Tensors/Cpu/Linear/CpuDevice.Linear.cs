using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public sealed unsafe partial class CpuDevice
{
    /// <summary>At most this many input rows go through the row kernel. Beyond, the blocked kernel's packing pays.</summary>
    private const int RowKernelInputs = 16;

    /// <summary>Layers with at most this many outputs, or inputs, go through the product kernel where there are many rows.</summary>
    private const int SlimSide = 64;

    private readonly ScratchMemory _plans = new(), _inputRows = new(), _panels = new(), _lowRank = new(), _workerScratch = new();

    /// <summary>Floats in a register of the dense kernels: 16, 8 or 1. Tests choose a narrower one than the processor has.</summary>
    internal int Lanes { get; init; } = Avx512F.IsSupported ? 16 : Fma.IsSupported && Avx2.IsSupported ? 8 : 1;

    /// <inheritdoc/>
    public override int BatchInvariantRows => RowKernelInputs;

    /// <inheritdoc/>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls)
    {
        OperandChecks.Linear(input, rows, calls);
        if (calls.IsEmpty)
            return;
        switch (Lanes)
        {
            case 16: Linear<Lanes512, Vector512<float>>(Cpu(input), rows, calls); break;
            case 8: Linear<Lanes256, Vector256<float>>(Cpu(input), rows, calls); break;
            default: Linear<LanesScalar, float>(Cpu(input), rows, calls); break;
        }

        // The kernels see addresses only: what they belong to must stay alive until all is done.
        GC.KeepAlive(input);
        foreach (ref readonly LinearCall call in calls)
        {
            GC.KeepAlive(call.Weight);
            GC.KeepAlive(call.Bias);
            GC.KeepAlive(call.Output);
            GC.KeepAlive(call.Delta);
            GC.KeepAlive(call.Gate);
        }
    }

    private void Linear<L, V>(CpuTensor input, int rows, ReadOnlySpan<LinearCall> calls)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        if (rows <= RowKernelInputs)
        {
            Linear<L, V>(input, 0, rows, calls, blocked: false);
            return;
        }

        for (int call = 0, end; call < calls.Length; call = end)
        {
            end = call + 1;
            if (IsSlim(calls[call]))
            {
                Multiply<L, V>(Slim(input, rows, calls[call]));
                continue;
            }

            while (end < calls.Length && !IsSlim(calls[end]))
                end++;
            for (int first = 0; first < rows; first += BlockedKernel<L, V>.MaxInputs)
                Linear<L, V>(input, first, Math.Min(BlockedKernel<L, V>.MaxInputs, rows - first), calls[call..end], blocked: true);
        }
    }

    /// <summary>Layers with few outputs or few inputs, such as the two halves of an adapter: the blocked kernel would mostly pack and transpose.</summary>
    private static bool IsSlim(in LinearCall call) => call.Delta is null && Math.Min(call.Weight.Rows, call.Weight.Columns) <= SlimSide;

    private static ProductPlan Slim(CpuTensor input, int rows, in LinearCall call)
    {
        CpuTensor output = Cpu(call.Output);
        MatrixRef weight = Matrix(call.Weight);
        return new ProductPlan
        {
            Left = input.F32Row(0),
            LeftStride = input.PaddedColumns,
            LeftReadable = input.PaddedColumns,
            Right = weight,
            RightTransposed = true,
            Bias = call.Bias is { } bias ? Cpu(bias).F32Row(0) : null,
            Beta = call.Beta,
            Destination = output.F32Row(0),
            DestinationStride = output.PaddedColumns,
            Rows = rows,
            Columns = weight.Rows,
            Terms = weight.PaddedColumns,
        };
    }

    private void Linear<L, V>(CpuTensor input, int firstRow, int inputs, ReadOnlySpan<LinearCall> calls, bool blocked)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        int panelInputs = blocked ? BlockedKernel<L, V>.Panels(inputs) * BlockedKernel<L, V>.PanelWidth : inputs;
        LinearPlan* dense = (LinearPlan*)_plans.Reserve(2L * calls.Length * sizeof(LinearPlan));
        LinearPlan* lowRank = dense + calls.Length;
        int lowRankCount = PlanCalls(calls, firstRow, panelInputs, dense, lowRank);
        long outputs = 0;
        int widest = input.PaddedColumns;
        for (int i = 0; i < calls.Length; i++)
            outputs += dense[i].Weight.Rows;
        for (int i = 0; i < lowRankCount; i++)
            widest = Math.Max(widest, lowRank[i].UColumns);

        var job = new LinearJob<L, V>
        {
            Dense = dense,
            DenseCount = calls.Length,
            LowRank = lowRank,
            LowRankCount = lowRankCount,
            Inputs = inputs,
            Input = input.F32Row(firstRow),
            InputStride = input.PaddedColumns,
        };
        if (blocked)
        {
            // Smaller chunks where there would be too few to share out evenly.
            job.ChunkRows = outputs >= 8 * Pool.Threads * BlockedKernel<L, V>.RowBlock ? BlockedKernel<L, V>.RowBlock : BlockedKernel<L, V>.RowBlock / 2;
            job.Panels = (float*)_panels.Reserve((long)panelInputs * input.PaddedColumns * sizeof(float));
            job.ScratchStride = BlockedKernel<L, V>.ScratchFloats(inputs);
        }
        else
        {
            // Some eight chunks for each worker, in whole tiles.
            const int tile = RowKernel<L, V>.RowsTogether;
            job.ChunkRows = Math.Clamp((int)(outputs / (Pool.Threads * 8 * tile)), 1, 20) * tile;
            job.InputRows = (float**)_inputRows.Reserve(RowKernelInputs * sizeof(float*));
            for (int i = 0; i < inputs; i++)
                job.InputRows[i] = input.F32Row(firstRow + i);
            job.ScratchStride = RowKernel<L, V>.ScratchFloats(widest);
        }

        job.ScratchStride = (job.ScratchStride + 15) & ~15;
        job.Scratch = (float*)_workerScratch.Reserve(job.ScratchStride * Pool.Threads * sizeof(float));
        Pool.Run(ref job);
    }

    /// <summary>Fills a plan for each call, and one for each low-rank part; returns how many of the latter there are.</summary>
    private int PlanCalls(ReadOnlySpan<LinearCall> calls, int firstRow, int panelInputs, LinearPlan* dense, LinearPlan* lowRank)
    {
        long floats = 0;
        foreach (ref readonly LinearCall call in calls)
            floats += call.Delta is { } delta ? (long)panelInputs * PaddedRank(delta) : 0;
        float* u = (float*)_lowRank.Reserve(Math.Max(floats, 1) * sizeof(float));
        int count = 0;
        for (int i = 0; i < calls.Length; i++)
        {
            ref readonly LinearCall call = ref calls[i];
            CpuTensor output = Cpu(call.Output);
            dense[i] = new LinearPlan
            {
                Weight = Matrix(call.Weight),
                Bias = call.Bias is { } bias ? Cpu(bias).F32Row(0) : null,
                Output = output.F32Row(firstRow),
                OutputStride = output.PaddedColumns,
                Beta = call.Beta,
            };
            if (call.Delta is not { } part)
                continue;
            CpuTensor gate = Cpu(call.Gate!);
            dense[i].B = Matrix(part.B);
            dense[i].U = u;
            dense[i].UColumns = PaddedRank(part);
            lowRank[count++] = new LinearPlan
            {
                Weight = Matrix(part.A),
                Output = u,
                OutputStride = PaddedRank(part),
                U = u,
                UColumns = PaddedRank(part),
                Gate = gate.F32Row(firstRow),
                GateStride = gate.PaddedColumns,
            };
            u += (long)panelInputs * PaddedRank(part);
        }

        // Ranks that are not a multiple of 32 leave columns of u that nothing writes.
        new Span<byte>((void*)_lowRank.Pointer, checked((int)(floats * sizeof(float)))).Clear();
        return count;
    }

    private static int PaddedRank(LowRankDelta delta) => (delta.Rank + CpuTensor.ColumnMultiple - 1) & ~(CpuTensor.ColumnMultiple - 1);

    private static MatrixRef Matrix(Tensor tensor)
    {
        CpuTensor matrix = Cpu(tensor);
        return new MatrixRef(matrix.Data, matrix.Stride, matrix.DType, matrix.Rows, matrix.Columns, matrix.PaddedColumns);
    }
}
