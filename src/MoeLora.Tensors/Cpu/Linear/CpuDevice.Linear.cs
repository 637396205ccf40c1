using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public sealed unsafe partial class CpuDevice
{
    /// <summary>At most this many input rows go through the row kernel. Beyond, the blocked kernel's packing pays.</summary>
    private const int RowKernelInputs = 16;

    private readonly ScratchMemory _plans = new(), _inputRows = new(), _panels = new(), _lowRank = new(), _workerScratch = new();

    /// <summary>Floats in a register of the dense kernels: 16, 8 or 1. Tests choose a narrower one than the processor has.</summary>
    internal int Lanes { get; init; } = Avx512F.IsSupported ? 16 : Fma.IsSupported && Avx2.IsSupported ? 8 : 1;

    /// <inheritdoc/>
    public override int BatchInvariantRows => RowKernelInputs;

    /// <inheritdoc/>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls)
    {
        OperandChecks.Linear(input, rows, calls);
        switch (Lanes)
        {
            case 16: Linear<Lanes512>(Cpu(input), rows, calls); break;
            case 8: Linear<Lanes256>(Cpu(input), rows, calls); break;
            default: Linear<LanesScalar>(Cpu(input), rows, calls); break;
        }

        GC.KeepAlive(input);
    }

    private void Linear<TLanes>(CpuTensor input, int rows, ReadOnlySpan<LinearCall> calls)
        where TLanes : struct, ILanes<TLanes>
    {
        if (rows <= RowKernelInputs)
        {
            Linear<TLanes>(input, 0, rows, calls, blocked: false);
            return;
        }

        for (int first = 0; first < rows; first += BlockedKernel<TLanes>.MaxInputs)
            Linear<TLanes>(input, first, Math.Min(BlockedKernel<TLanes>.MaxInputs, rows - first), calls, blocked: true);
    }

    private void Linear<TLanes>(CpuTensor input, int firstRow, int inputs, ReadOnlySpan<LinearCall> calls, bool blocked)
        where TLanes : struct, ILanes<TLanes>
    {
        int panelInputs = blocked ? BlockedKernel<TLanes>.Panels(inputs) * BlockedKernel<TLanes>.PanelWidth : inputs;
        LinearPlan* dense = (LinearPlan*)_plans.Reserve(2L * calls.Length * sizeof(LinearPlan));
        LinearPlan* lowRank = dense + calls.Length;
        int lowRankCount = PlanCalls(calls, firstRow, panelInputs, dense, lowRank);
        long outputs = 0;
        int widest = input.PaddedColumns;
        for (int i = 0; i < calls.Length; i++)
            outputs += dense[i].Weight.Rows;
        for (int i = 0; i < lowRankCount; i++)
            widest = Math.Max(widest, lowRank[i].UColumns);

        var job = new LinearJob<TLanes>
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
            job.ChunkRows = BlockedKernel<TLanes>.RowBlock;
            job.Panels = (float*)_panels.Reserve((long)panelInputs * input.PaddedColumns * sizeof(float));
            job.ScratchStride = BlockedKernel<TLanes>.ScratchFloats(inputs);
        }
        else
        {
            // Some eight chunks for each worker, in whole tiles.
            const int tile = RowKernel<TLanes>.RowsTogether;
            job.ChunkRows = Math.Clamp((int)(outputs / (Pool.Threads * 8 * tile)), 1, 20) * tile;
            job.InputRows = (float**)_inputRows.Reserve(RowKernelInputs * sizeof(float*));
            for (int i = 0; i < inputs; i++)
                job.InputRows[i] = input.F32Row(firstRow + i);
            job.ScratchStride = RowKernel<TLanes>.ScratchFloats(widest);
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
            if (part.B.DType == DType.Q8)
                throw new ArgumentException("The B of a low-rank delta is F32, F16 or BF16: its rows are too short for 8-bit blocks.", nameof(calls));
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
