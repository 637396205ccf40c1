using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// One <see cref="Device.Linear"/> call, shared among the workers: [pack the inputs,] compute every u = gate ∘ (A · x), then every output.
/// Workers take chunks of outputs until none is left, so a core that is slow for a while does not hold up the others.
/// </summary>
internal unsafe struct LinearJob<L, V> : IParallelJob
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Plans whose weight is an A.</summary>
    public LinearPlan* LowRank;

    public int LowRankCount;

    public LinearPlan* Dense;

    public int DenseCount;

    public int Inputs;

    /// <summary>The first input row.</summary>
    public float* Input;

    /// <summary>Floats from input row to input row, which are all zero beyond the columns.</summary>
    public int InputStride;

    /// <summary>Outputs in a chunk of the dense phase.</summary>
    public int ChunkRows;

    /// <summary>Memory for the packed inputs of <see cref="BlockedKernel{L, V}"/>; null means <see cref="RowKernel{L, V}"/>.</summary>
    public float* Panels;

    /// <summary>Scratch of worker 0; the others' follow.</summary>
    public float* Scratch;

    public long ScratchStride;

    /// <summary>Outputs of A in a chunk: a tile or two, because there are few and all workers wait for the last.</summary>
    private readonly int LowRankChunkRows => Panels != null ? BlockedKernel<L, V>.RowBlock : Inputs <= 4 ? 4 : 6;

    public void Execute(WorkerPool pool, int worker)
    {
        float* scratch = Scratch + worker * ScratchStride;
        if (Panels != null)
        {
            Pack(pool);
            pool.Barrier();
        }

        if (LowRankCount > 0)
        {
            Compute(pool, 1, LowRank, LowRankCount, LowRankChunkRows, scratch);
            pool.Barrier();
        }

        Compute(pool, 2, Dense, DenseCount, ChunkRows, scratch);
    }

    private readonly void Pack(WorkerPool pool)
    {
        int width = BlockedKernel<L, V>.PanelWidth;
        int panels = BlockedKernel<L, V>.Panels(Inputs);
        for (int p = pool.Take(0); p < panels; p = pool.Take(0))
        {
            int first = p * width;
            BlockedKernel<L, V>.Pack(
                Input + (long)first * InputStride, InputStride, Math.Min(width, Inputs - first), InputStride, Panels + (long)first * InputStride);
        }
    }

    private readonly void Compute(WorkerPool pool, int slot, LinearPlan* plans, int count, int chunkRows, float* scratch)
    {
        int plan = 0, chunksBefore = 0;
        while (true)
        {
            int chunk = pool.Take(slot);
            while (chunk - chunksBefore >= Chunks(plans[plan], chunkRows))
            {
                chunksBefore += Chunks(plans[plan], chunkRows);
                if (++plan == count)
                    return;
            }

            int first = (chunk - chunksBefore) * chunkRows;
            int end = Math.Min(first + chunkRows, plans[plan].Weight.Rows);
            if (Panels == null)
                RowKernel<L, V>.Run(plans[plan], Input, InputStride, first, end, scratch);
            else if (plans[plan].Gate != null)
                BlockedKernel<L, V>.RunLowRank(plans[plan], Panels, InputStride, first, end, scratch);
            else
                BlockedKernel<L, V>.Run(plans[plan], Panels, InputStride, first, end, scratch);
        }
    }

    private static int Chunks(in LinearPlan plan, int chunkRows) => (plan.Weight.Rows + chunkRows - 1) / chunkRows;
}
