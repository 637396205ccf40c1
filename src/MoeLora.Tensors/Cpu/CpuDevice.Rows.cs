using System.Runtime.CompilerServices;

namespace MoeLora.Tensors.Cpu;

public partial class CpuDevice
{
    /// <summary>Work below this many simple element operations takes less time than waking the pool.</summary>
    private const long InlineWork = 32 * 1024;

    /// <summary>Elements of a row that are one item of element-wise work; a multiple of 32.</summary>
    private const int SegmentColumns = 2048;

    /// <summary>Independent items of one operation: rows, or segments of rows.</summary>
    private interface IItems
    {
        void Execute(int item);
    }

    /// <summary>
    /// Executes all items, on the pool when there is enough to do. Not inlined: as the caller passes the struct's address, the
    /// tensors in it stay alive until all is done.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ForEach<TItems>(ref TItems items, int count, long workPerItem)
        where TItems : struct, IItems
    {
        if (Pool.Threads == 1 || count == 1 || count * workPerItem <= InlineWork)
        {
            for (int item = 0; item < count; item++)
                items.Execute(item);
            return;
        }
        // A few chunks for each thread even out what other processes take away; each is worth the price of taking it.
        long chunk = Math.Max(count / (4L * Pool.Threads), (InlineWork / 4 + workPerItem - 1) / workPerItem);
        var job = new ItemsJob<TItems> { Items = items, Count = count, Chunk = (int)Math.Min(chunk, count) };
        Pool.Run(ref job);
    }

    private static int Segments(CpuTensor tensor) => (tensor.PaddedColumns + SegmentColumns - 1) / SegmentColumns;

    /// <summary>Elements of an item when every row has its segments.</summary>
    private static long SegmentWork(CpuTensor tensor) => Math.Min(tensor.PaddedColumns, SegmentColumns);

    /// <summary>The row, first column and columns (padding not counted) of segment <paramref name="item"/> of all rows' segments.</summary>
    private static (int Row, int Start, int Count) Segment(CpuTensor tensor, int item, int segments)
    {
        (int row, int segment) = Math.DivRem(item, segments);
        int start = segment * SegmentColumns;
        return (row, start, Math.Min(tensor.Columns - start, SegmentColumns));
    }

    private struct ItemsJob<TItems> : IParallelJob
        where TItems : struct, IItems
    {
        public TItems Items;
        public int Count;
        public int Chunk;

        public void Execute(WorkerPool pool, int worker)
        {
            for (long start; (start = (long)pool.Take() * Chunk) < Count;)
            {
                int end = (int)Math.Min(start + Chunk, Count);
                for (int item = (int)start; item < end; item++)
                    Items.Execute(item);
            }
        }
    }
}
