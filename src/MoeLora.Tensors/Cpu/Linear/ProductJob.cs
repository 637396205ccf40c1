using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>One matrix product, shared among the workers block by block; each element of the destination is summed by one worker.</summary>
internal unsafe struct ProductJob<L, V> : IParallelJob
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Packing a factor takes about as long as this many multiply-adds.</summary>
    private const double PackCost = 24;

    /// <summary>Rows that make a block of the destination stay in the cache from stretch to stretch.</summary>
    private const int MostRows = 528;

    /// <summary>A multiple of the heights of all tiles.</summary>
    private const int RowMultiple = 24;

    private readonly ProductPlan _plan;
    private readonly int _rowBlock, _rowBlocks, _columnBlock, _columnBlocks;
    private readonly float* _scratch;
    private readonly long _scratchStride;

    /// <summary>Cuts the product into blocks.</summary>
    /// <param name="plan">The matrices.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="scratch">Scratch of worker 0; the others' follow.</param>
    /// <param name="scratchStride">Floats of scratch for each.</param>
    public ProductJob(in ProductPlan plan, int threads, float* scratch, long scratchStride)
    {
        _plan = plan;
        _scratch = scratch;
        _scratchStride = scratchStride;
        bool narrow = ProductKernel<L, V>.IsNarrow(plan);
        // In units of 32 columns: whole blocks of 8-bit right factors, and whole panels of every width.
        int units = Blocks(plan.Columns, CpuTensor.ColumnMultiple), mostUnits = ProductKernel<L, V>.MaxColumns / CpuTensor.ColumnMultiple;
        double best = double.PositiveInfinity;
        for (int columnBlocks = Blocks(units, mostUnits); columnBlocks <= Math.Min(units, Blocks(units, mostUnits) + threads); columnBlocks++)
        {
            int columns = narrow ? L.Width : Blocks(units, columnBlocks) * CpuTensor.ColumnMultiple;
            bool once = ProductKernel<L, V>.IsPackedOnce(plan, columns);
            for (int rowBlocks = Blocks(plan.Rows, MostRows); rowBlocks <= Math.Max(Blocks(plan.Rows, MostRows), Math.Min(Blocks(plan.Rows, RowMultiple), 8 * threads)); rowBlocks++)
            {
                int rows = Blocks(Blocks(plan.Rows, rowBlocks), RowMultiple) * RowMultiple;
                int tasks = Blocks(plan.Rows, rows) * columnBlocks;
                double cost = Blocks(tasks, threads) * ((double)rows * columns + PackCost * rows) + (once ? Blocks(columnBlocks, threads) : Blocks(tasks, threads)) * PackCost * columns;
                if (cost < best)
                    (best, _rowBlock, _columnBlock) = (cost, rows, columns);
            }
        }

        _rowBlocks = Blocks(plan.Rows, _rowBlock);
        _columnBlocks = narrow ? 1 : Blocks(units * CpuTensor.ColumnMultiple, _columnBlock);
    }

    /// <inheritdoc/>
    public readonly void Execute(WorkerPool pool, int worker)
    {
        float* scratch = _scratch + worker * _scratchStride;
        int packed = -1;
        for (int task = pool.Take(); task < _rowBlocks * _columnBlocks; task = pool.Take())
        {
            (int columnBlock, int rowBlock) = Math.DivRem(task, _rowBlocks);
            int row = rowBlock * _rowBlock, column = columnBlock * _columnBlock;
            int columns = Math.Min(_columnBlock, Blocks(_plan.Columns - column, ProductKernel<L, V>.PanelWidth) * ProductKernel<L, V>.PanelWidth);
            if (ProductKernel<L, V>.IsNarrow(_plan))
                columns = L.Width;
            ProductKernel<L, V>.Run(_plan, row, Math.Min(row + _rowBlock, _plan.Rows), column, columns, packed == columnBlock, scratch);
            packed = ProductKernel<L, V>.IsPackedOnce(_plan, columns) ? columnBlock : -1;
        }
    }

    private static int Blocks(int count, int size) => (count + size - 1) / size;
}
