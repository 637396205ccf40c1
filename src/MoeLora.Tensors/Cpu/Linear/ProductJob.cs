using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>One matrix product, shared among the workers block by block; each element of the destination is summed by one worker.</summary>
internal unsafe struct ProductJob<L, V> : IParallelJob
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Rows for which packing right factors costs a few percent of the work.</summary>
    private const int FewestRows = 192;

    /// <summary>Rows that make a block of the destination stay in the cache from stretch to stretch.</summary>
    private const int MostRows = 480;

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
        if (ProductKernel<L, V>.IsNarrow(plan))
        {
            _columnBlock = L.Width;
            _columnBlocks = 1;
        }
        else
        {
            // In units of 32 columns: whole blocks of 8-bit right factors, and whole panels of every width.
            int units = Blocks(plan.Right.Columns, CpuTensor.ColumnMultiple);
            int blocks = Blocks(units * CpuTensor.ColumnMultiple, ProductKernel<L, V>.MaxColumns);
            if (plan.Rows <= FewestRows / 2)
                blocks = Math.Min(units, Math.Max(blocks, threads)); // too few rows to share
            int unitsInBlock = Blocks(units, blocks);
            _columnBlock = unitsInBlock * CpuTensor.ColumnMultiple;
            _columnBlocks = Blocks(units, unitsInBlock);
        }

        _rowBlocks = ProductKernel<L, V>.IsPackedOnce(plan, _columnBlock)
            ? Math.Max(1, Math.Min(Blocks(plan.Rows, 2 * RowMultiple), 4 * threads))
            : Math.Clamp(Blocks(4 * threads, _columnBlocks), Blocks(plan.Rows, MostRows), Blocks(plan.Rows, FewestRows));
        _rowBlock = Blocks(Blocks(plan.Rows, _rowBlocks), RowMultiple) * RowMultiple;
        _rowBlocks = Blocks(plan.Rows, _rowBlock);
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
            int columns = Math.Min(_columnBlock, Blocks(_plan.Right.Columns - column, ProductKernel<L, V>.PanelWidth) * ProductKernel<L, V>.PanelWidth);
            if (ProductKernel<L, V>.IsNarrow(_plan))
                columns = L.Width;
            ProductKernel<L, V>.Run(_plan, row, Math.Min(row + _rowBlock, _plan.Rows), column, columns, packed == columnBlock, scratch);
            packed = ProductKernel<L, V>.IsPackedOnce(_plan, columns) ? columnBlock : -1;
        }
    }

    private static int Blocks(int count, int size) => (count + size - 1) / size;
}
