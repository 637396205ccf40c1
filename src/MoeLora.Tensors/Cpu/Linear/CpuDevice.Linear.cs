using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

public unsafe partial class CpuDevice
{
    /// <summary>At most this many input rows go through the row kernel. Beyond, the blocked kernel's packing pays.</summary>
    private const int RowKernelInputs = 16;

    /// <summary>Layers with at most this many outputs, or inputs, go through the product kernel where there are many rows.</summary>
    private const int SlimSide = 64;

    private readonly ScratchMemory _plans = new(), _panels = new(), _lowRank = new(), _workerScratch = new();

    /// <summary>Floats in a register of the dense kernels: 16, 8 or 1. Tests choose a narrower one than the processor has.</summary>
    internal int Lanes { get; init; } = Avx512F.IsSupported ? 16 : Fma.IsSupported && Avx2.IsSupported ? 8 : 1;

    /// <inheritdoc/>
    public override int FewRows => RowKernelInputs;

    /// <inheritdoc/>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any)
    {
        OperandChecks.Linear(input, rows, calls);
        if (calls.IsEmpty)
            return;
        bool few = order == LinearOrder.Few || (order == LinearOrder.Any && rows <= RowKernelInputs);
        switch (Lanes)
        {
            case 16: Linear<Lanes512, Vector512<float>>(Cpu(input), rows, calls, few); break;
            case 8: Linear<Lanes256, Vector256<float>>(Cpu(input), rows, calls, few); break;
            default: Linear<LanesScalar, float>(Cpu(input), rows, calls, few); break;
        }

        // The kernels see addresses only: what they belong to must stay alive until all is done.
        GC.KeepAlive(input);
        foreach (ref readonly LinearCall call in calls)
        {
            GC.KeepAlive(call.Weight);
            GC.KeepAlive(call.Bias);
            GC.KeepAlive(call.Output);
            for (int i = 0; i < call.DeltaCount; i++)
            {
                RowDelta delta = call.DeltaAt(i, rows);
                GC.KeepAlive(delta.Delta);
                GC.KeepAlive(delta.Gate);
            }
        }
    }

    private void Linear<L, V>(CpuTensor input, int rows, ReadOnlySpan<LinearCall> calls, bool few)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        if (few)
        {
            Linear<L, V>(input, 0, rows, calls, rows, blocked: false);
            return;
        }

        for (int first = 0, end; first < rows; first = end)
        {
            end = SameDeltasEnd(calls, first, rows);
            LinearOfMany<L, V>(input, first, end, calls, rows);
        }
    }

    /// <summary>The row behind the last that has the same deltas as the first, in every call.</summary>
    private static int SameDeltasEnd(ReadOnlySpan<LinearCall> calls, int first, int rows)
    {
        int end = rows;
        foreach (ref readonly LinearCall call in calls)
        {
            for (int i = 0; i < call.DeltaCount; i++)
            {
                RowDelta delta = call.DeltaAt(i, rows);
                if (delta.FirstRow > first)
                    end = Math.Min(end, delta.FirstRow);
                else if (delta.EndRow > first)
                    end = Math.Min(end, delta.EndRow);
            }
        }

        return end;
    }

    /// <summary>Rows that have the same deltas.</summary>
    private void LinearOfMany<L, V>(CpuTensor input, int firstRow, int endRow, ReadOnlySpan<LinearCall> calls, int rows)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        for (int call = 0, end; call < calls.Length; call = end)
        {
            end = call + 1;
            if (IsSlim(calls[call], firstRow, rows))
            {
                Multiply<L, V>(Slim(input, firstRow, endRow - firstRow, calls[call]));
                continue;
            }

            while (end < calls.Length && !IsSlim(calls[end], firstRow, rows))
                end++;
            for (int first = firstRow; first < endRow; first += BlockedKernel<L, V>.MaxInputs)
                Linear<L, V>(input, first, Math.Min(BlockedKernel<L, V>.MaxInputs, endRow - first), calls[call..end], rows, blocked: true);
        }
    }

    /// <summary>Layers with few outputs or few inputs, such as the two halves of an adapter: the blocked kernel would mostly pack and transpose.</summary>
    private static bool IsSlim(in LinearCall call, int row, int rows) =>
        Math.Min(call.Weight.Rows, call.Weight.Columns) <= SlimSide && !HasDelta(call, row, rows);

    private static bool HasDelta(in LinearCall call, int row, int rows)
    {
        for (int i = 0; i < call.DeltaCount; i++)
        {
            RowDelta delta = call.DeltaAt(i, rows);
            if (row >= delta.FirstRow && row < delta.EndRow)
                return true;
        }

        return false;
    }

    private static ProductPlan Slim(CpuTensor input, int firstRow, int rows, in LinearCall call)
    {
        CpuTensor output = Cpu(call.Output);
        MatrixRef weight = Matrix(call.Weight);
        return new ProductPlan
        {
            Left = input.F32Row(firstRow),
            LeftStride = input.PaddedColumns,
            LeftReadable = input.PaddedColumns,
            Right = weight,
            RightTransposed = true,
            Bias = call.Bias is { } bias ? Cpu(bias).F32Row(0) : null,
            Beta = call.Beta,
            Destination = output.F32Row(firstRow),
            DestinationStride = output.PaddedColumns,
            Rows = rows,
            Columns = weight.Rows,
            Terms = weight.PaddedColumns,
        };
    }

    private void Linear<L, V>(CpuTensor input, int firstRow, int inputs, ReadOnlySpan<LinearCall> calls, int rows, bool blocked)
        where L : struct, IDenseLanes<V>
        where V : struct
    {
        int parts = 0;
        foreach (ref readonly LinearCall call in calls)
            parts += call.DeltaCount;
        LinearPlan* dense = (LinearPlan*)_plans.Reserve((calls.Length + (long)parts) * sizeof(LinearPlan) + (long)parts * sizeof(LowRankPart));
        LinearPlan* lowRank = dense + calls.Length;
        int lowRankCount = PlanCalls(calls, rows, firstRow, inputs, blocked ? BlockedKernel<L, V>.PanelWidth : 1, dense, lowRank, (LowRankPart*)(lowRank + parts));
        long outputs = 0;
        int widest = input.PaddedColumns;
        for (int i = 0; i < calls.Length; i++)
            outputs += dense[i].Weight.Rows;
        for (int i = 0; i < lowRankCount; i++)
            widest = Math.Max(widest, (int)lowRank[i].OutputStride);

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
            job.Panels = (float*)_panels.Reserve((long)BlockedKernel<L, V>.Panels(inputs) * BlockedKernel<L, V>.PanelWidth * input.PaddedColumns * sizeof(float));
            job.ScratchStride = BlockedKernel<L, V>.ScratchFloats(inputs);
        }
        else
        {
            // Some eight chunks for each worker, in whole tiles.
            const int tile = RowKernel<L, V>.RowsTogether;
            job.ChunkRows = Math.Clamp((int)(outputs / (Pool.Threads * 8 * tile)), 1, 20) * tile;
            job.ScratchStride = RowKernel<L, V>.ScratchFloats(widest);
        }

        job.ScratchStride = (job.ScratchStride + 15) & ~15;
        job.Scratch = (float*)_workerScratch.Reserve(job.ScratchStride * Pool.Threads * sizeof(float));
        Pool.Run(ref job);
    }

    /// <summary>Fills a plan for each call, and one for each low-rank part of its rows [firstRow, firstRow + inputs); returns how many of the latter there are.</summary>
    private int PlanCalls(ReadOnlySpan<LinearCall> calls, int rows, int firstRow, int inputs, int panelWidth, LinearPlan* dense, LinearPlan* lowRank, LowRankPart* parts)
    {
        int count = 0;
        long floats = 0;
        for (int i = 0; i < calls.Length; i++)
        {
            ref readonly LinearCall call = ref calls[i];
            CpuTensor output = Cpu(call.Output);
            dense[i] = new LinearPlan
            {
                Weight = Matrix(call.Weight),
                Bias = call.Bias is { } bias ? Cpu(bias).F32Row(0) : null,
                Inputs = inputs,
                Output = output.F32Row(firstRow),
                OutputStride = output.PaddedColumns,
                Beta = call.Beta,
                Parts = parts + count,
            };
            for (int k = 0; k < call.DeltaCount; k++)
            {
                RowDelta delta = call.DeltaAt(k, rows);
                int first = Math.Max(delta.FirstRow, firstRow), end = Math.Min(delta.EndRow, firstRow + inputs);
                if (first >= end)
                    continue;
                CpuTensor gate = Cpu(delta.Gate);
                int rank = PaddedRank(delta.Delta);
                parts[count] = new LowRankPart { First = first - firstRow, Count = end - first, B = Matrix(delta.Delta.B), UColumns = rank };
                lowRank[count++] = new LinearPlan
                {
                    Weight = Matrix(delta.Delta.A),
                    FirstInput = first - firstRow,
                    Inputs = end - first,
                    OutputStride = rank,
                    Gate = gate.F32Row(first),
                    GateStride = gate.PaddedColumns,
                };
                dense[i].PartCount++;
                floats += PanelRows(end - first, panelWidth) * rank;
            }
        }

        float* u = (float*)_lowRank.Reserve(Math.Max(floats, 1) * sizeof(float));
        // Ranks that are not a multiple of 32 leave columns of u that nothing writes.
        new Span<byte>(u, checked((int)(floats * sizeof(float)))).Clear();
        for (int i = 0; i < count; i++)
        {
            parts[i].U = lowRank[i].Output = u;
            u += PanelRows(parts[i].Count, panelWidth) * parts[i].UColumns;
        }

        return count;
    }

    private static long PanelRows(int rows, int panelWidth) => (rows + panelWidth - 1L) / panelWidth * panelWidth;

    private static int PaddedRank(LowRankDelta delta) => (delta.Rank + CpuTensor.ColumnMultiple - 1) & ~(CpuTensor.ColumnMultiple - 1);

    private static MatrixRef Matrix(Tensor tensor)
    {
        CpuTensor matrix = Cpu(tensor);
        return new MatrixRef(matrix.Data, matrix.Stride, matrix.DType, matrix.Rows, matrix.Columns, matrix.PaddedColumns);
    }
}
