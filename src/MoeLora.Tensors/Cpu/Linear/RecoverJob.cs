using MoeLora.Tensors.Cpu.Kernels;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Recovery of one weight matrix: row i becomes W0[i] + Σ_j (B[i, j] · gate_j) · A[j], in F32, then is stored once. Workers share the rows.</summary>
internal unsafe struct RecoverJob<L, V> : IParallelJob
    where L : struct, IDenseLanes<V>
    where V : struct
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
        int width = L.Width;
        int k = 0;
        for (; k + 4 * width <= AStride; k += 4 * width)
        {
            V s0 = L.Load(row + k), s1 = L.Load(row + k + width), s2 = L.Load(row + k + 2 * width), s3 = L.Load(row + k + 3 * width);
            float* a = A + k;
            for (int j = 0; j < Rank; j++, a += AStride)
            {
                V factor = L.Broadcast(b[j]);
                s0 = L.Fma(factor, L.Load(a), s0);
                s1 = L.Fma(factor, L.Load(a + width), s1);
                s2 = L.Fma(factor, L.Load(a + 2 * width), s2);
                s3 = L.Fma(factor, L.Load(a + 3 * width), s3);
            }

            L.Store(row + k, s0);
            L.Store(row + k + width, s1);
            L.Store(row + k + 2 * width, s2);
            L.Store(row + k + 3 * width, s3);
        }

        for (; k < AStride; k += width)
        {
            V sum = L.Load(row + k);
            for (int j = 0; j < Rank; j++)
                sum = L.Fma(L.Broadcast(b[j]), L.Load(A + (long)j * AStride + k), sum);
            L.Store(row + k, sum);
        }
    }
}
