using MoeLora.Tensors.Cpu.Kernels;
using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

// Sums over rows. How they are divided depends on the shape only, never on the threads, so that their bits do not either.
public unsafe partial class CpuDevice
{
    /// <summary>Rows whose sum is one partial result; the partial results are then added in order.</summary>
    private const int SumBlockRows = 32;

    /// <summary>Columns of a destination that one worker adds rows to.</summary>
    private const int ScatterColumns = 128;

    private readonly ScratchMemory _partialSums = new();

    /// <inheritdoc/>
    public override void SumRows(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.SumRows(source, destination, rows);
        CpuTensor from = Cpu(source);
        float* partial = PartialSums(from, rows, 1);
        var blocks = new SumBlocks { Lanes = Lanes, Source = from, Rows = rows, Partial = partial };
        ForEach(ref blocks, Blocks(rows), (long)SumBlockRows * from.Columns);
        Join(partial, rows, Cpu(destination));
    }

    /// <inheritdoc/>
    public override void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination)
    {
        OperandChecks.ScatterAddRows(source, indices, destination);
        fixed (int* to = indices)
        {
            var items = new ScatterColumnRuns { Lanes = Lanes, Source = Cpu(source), Destination = Cpu(destination), Indices = to, Count = indices.Length };
            ForEach(ref items, (source.Columns + ScatterColumns - 1) / ScatterColumns, (long)indices.Length * ScatterColumns);
        }
    }

    /// <inheritdoc/>
    public override double SumOfSquares(Tensor tensor)
    {
        OperandChecks.Activations(tensor, 0, nameof(tensor));
        double* sums = RowValues(tensor.Rows);
        var items = new SquaredRows { Tensor = Cpu(tensor), Sums = sums };
        ForEach(ref items, tensor.Rows, tensor.Columns);
        return Sum(sums, tensor.Rows);
    }

    /// <inheritdoc/>
    public override double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale)
    {
        OperandChecks.CrossEntropy(logits, targets);
        double* losses = RowValues(targets.Length);
        fixed (int* target = targets)
        {
            var items = new CrossEntropyRows { Lanes = Lanes, Logits = Cpu(logits), Targets = target, GradientScale = gradientScale, Losses = losses };
            ForEach(ref items, targets.Length, (long)logits.Columns * ExponentialWork);
        }
        return Sum(losses, targets.Length);
    }

    private static int Blocks(int rows) => (rows + SumBlockRows - 1) / SumBlockRows;

    /// <summary>Room for <paramref name="kinds"/> partial sums of each block of rows, each as long as a row of <paramref name="tensor"/>.</summary>
    private float* PartialSums(CpuTensor tensor, int rows, int kinds) => (float*)_partialSums.Reserve((long)kinds * Math.Max(Blocks(rows), 1) * tensor.Stride);

    /// <summary>A double for each row.</summary>
    private double* RowValues(int rows) => (double*)_partialSums.Reserve(Math.Max(rows, 1) * (long)sizeof(double));

    /// <summary>destination += the blocks' partial sums.</summary>
    private void Join(float* partial, int rows, CpuTensor destination)
    {
        if (rows == 0)
            return;
        var items = new JoinColumns { Lanes = Lanes, Partial = partial, Blocks = Blocks(rows), Destination = destination };
        ForEach(ref items, (destination.Columns + ScatterColumns - 1) / ScatterColumns, (long)items.Blocks * ScatterColumns);
    }

    private static double Sum(double* values, int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += values[i];
        return sum;
    }

    private struct SumBlocks : IItems
    {
        public int Lanes;
        public CpuTensor Source;
        public int Rows;
        public float* Partial;

        public readonly void Execute(int item)
        {
            float* sums = Partial + (long)item * Source.PaddedColumns;
            new Span<float>(sums, Source.PaddedColumns).Clear();
            int end = Math.Min((item + 1) * SumBlockRows, Rows);
            for (int row = item * SumBlockRows; row < end; row++)
                ScaledSum.Run(Lanes, Source.F32Row(row), 1, sums, Source.Columns);
        }
    }

    private struct JoinColumns : IItems
    {
        public int Lanes;
        public float* Partial;
        public int Blocks;
        public CpuTensor Destination;

        public readonly void Execute(int item)
        {
            int start = item * ScatterColumns, count = Math.Min(Destination.Columns - start, ScatterColumns);
            float* first = Partial + start;
            for (int block = 1; block < Blocks; block++)
                ScaledSum.Run(Lanes, first + (long)block * Destination.PaddedColumns, 1, first, count);
            ScaledSum.Run(Lanes, first, 1, Destination.F32Row(0) + start, count);
        }
    }

    private struct ScatterColumnRuns : IItems
    {
        public int Lanes;
        public CpuTensor Source, Destination;
        public int* Indices;
        public int Count;

        public readonly void Execute(int item)
        {
            int start = item * ScatterColumns, columns = Math.Min(Source.Columns - start, ScatterColumns);
            for (int i = 0; i < Count; i++)
                ScaledSum.Run(Lanes, Source.F32Row(i) + start, 1, Destination.F32Row(Indices[i]) + start, columns);
        }
    }

    private struct SquaredRows : IItems
    {
        public CpuTensor Tensor;
        public double* Sums;

        public readonly void Execute(int item) => Sums[item] = Kernels.SumOfSquares.Run(Tensor.F32Row(item), Tensor.Columns);
    }

    private struct CrossEntropyRows : IItems
    {
        public int Lanes;
        public CpuTensor Logits;
        public int* Targets;
        public float GradientScale;
        public double* Losses;

        public readonly void Execute(int item)
            => Losses[item] = Kernels.CrossEntropy.Row(Lanes, Logits.F32Row(item), Targets[item], GradientScale, Logits.Columns);
    }
}
