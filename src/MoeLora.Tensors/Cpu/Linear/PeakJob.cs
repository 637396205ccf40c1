using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Multiply-adds in registers only, on every worker: twelve independent chains, more than any processor has in flight.</summary>
internal unsafe struct PeakJob<L, V> : IParallelJob
    where L : struct, IDenseLanes<V>
    where V : struct
{
    private const int Chains = 12;

    /// <summary>Multiply-adds of each chain of each worker.</summary>
    public int Length;

    /// <summary>A float for each worker, so that nothing is optimised away.</summary>
    public float* Results;

    /// <summary>Floating-point operations of the whole job.</summary>
    public readonly double Operations(int workers) => 2.0 * L.Width * Chains * Length * workers;

    public readonly void Execute(WorkerPool pool, int worker)
    {
        V factor = L.Broadcast(0.999f), term = L.Broadcast(1e-3f);
        V c0 = term, c1 = term, c2 = term, c3 = term, c4 = term, c5 = term, c6 = term, c7 = term, c8 = term, c9 = term, c10 = term, c11 = term;
        for (int i = 0; i < Length; i++)
        {
            c0 = L.Fma(factor, c0, term);
            c1 = L.Fma(factor, c1, term);
            c2 = L.Fma(factor, c2, term);
            c3 = L.Fma(factor, c3, term);
            c4 = L.Fma(factor, c4, term);
            c5 = L.Fma(factor, c5, term);
            c6 = L.Fma(factor, c6, term);
            c7 = L.Fma(factor, c7, term);
            c8 = L.Fma(factor, c8, term);
            c9 = L.Fma(factor, c9, term);
            c10 = L.Fma(factor, c10, term);
            c11 = L.Fma(factor, c11, term);
        }

        V low = L.Add(L.Add(L.Add(c0, c1), L.Add(c2, c3)), L.Add(c4, c5)), high = L.Add(L.Add(L.Add(c6, c7), L.Add(c8, c9)), L.Add(c10, c11));
        Results[worker] = L.Sum(L.Add(low, high));
    }
}
