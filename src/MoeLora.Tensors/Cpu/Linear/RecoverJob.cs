using MoeLora.Tensors.Cpu.Kernels;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Recovery of one weight matrix: row i becomes W0[i] + Σ_j (B[i, j] · gate_j) · A[j], in F32, then is stored once. Workers share the rows.</summary>
internal unsafe struct RecoverJob<TLanes> : IParallelJob
    where TLanes : struct, ILanes<TLanes>
{
    private const int ChunkRows = 16;

    /// <summary>First row of W0, dense or padded.</summary>
    public byte* W0;

    public long W0Stride;

    public DType W0DType;

    public int Rows;

    public int Columns;

    /// <summary>A in F32, [rank, padded columns].</summary>
    public float* A;

    public int AStride;

    /// <summary>B times gate in F32, [rows, rank].</summary>
    public float* B;

    public int Rank;

    public byte* Destination;

    public long DestinationStride;

    public DType DestinationDType;

    /// <summary>A row of AStride floats for each worker.</summary>
    public float* Scratch;

    public void Execute(WorkerPool pool, int worker)
    {
        float* row = Scratch + (long)worker * AStride;
        int chunks = (Rows + ChunkRows - 1) / ChunkRows;
        for (int chunk = pool.Take(); chunk < chunks; chunk = pool.Take())
        {
            for (int i = chunk * ChunkRows; i < Math.Min((chunk + 1) * ChunkRows, Rows); i++)
            {
                RowCodec.Decode(W0 + i * W0Stride, W0DType, Columns, row);
                Add(B + (long)i * Rank, row);
                RowCodec.Encode(row, Columns, DestinationDType, Destination + i * DestinationStride);
            }
        }
    }

    /// <summary>row += Σ_j b[j] · A[j], four registers of columns at a time so that a sum is loaded and stored once.</summary>
    private readonly void Add(float* b, float* row)
    {
        int width = TLanes.Count;
        int k = 0;
        for (; k + 4 * width <= AStride; k += 4 * width)
        {
            TLanes s0 = TLanes.Load(row + k), s1 = TLanes.Load(row + k + width), s2 = TLanes.Load(row + k + 2 * width), s3 = TLanes.Load(row + k + 3 * width);
            float* a = A + k;
            for (int j = 0; j < Rank; j++, a += AStride)
            {
                TLanes factor = TLanes.Broadcast(b[j]);
                s0 = TLanes.MultiplyAdd(factor, TLanes.Load(a), s0);
                s1 = TLanes.MultiplyAdd(factor, TLanes.Load(a + width), s1);
                s2 = TLanes.MultiplyAdd(factor, TLanes.Load(a + 2 * width), s2);
                s3 = TLanes.MultiplyAdd(factor, TLanes.Load(a + 3 * width), s3);
            }

            TLanes.Store(s0, row + k);
            TLanes.Store(s1, row + k + width);
            TLanes.Store(s2, row + k + 2 * width);
            TLanes.Store(s3, row + k + 3 * width);
        }

        for (; k < AStride; k += width)
        {
            TLanes sum = TLanes.Load(row + k);
            for (int j = 0; j < Rank; j++)
                sum = TLanes.MultiplyAdd(TLanes.Broadcast(b[j]), TLanes.Load(A + (long)j * AStride + k), sum);
            TLanes.Store(sum, row + k);
        }
    }
}
