namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>destination [rows, columns] = beta · destination + left [rows, terms] · right [terms, columns] + bias.</summary>
internal unsafe struct ProductPlan
{
    /// <summary>Factor (0, 0) of the left matrix.</summary>
    public float* Left;

    /// <summary>Floats from row to row of the left matrix in memory.</summary>
    public long LeftStride;

    /// <summary>Whether a row in memory holds a term of all rows, so that the product reads the matrix transposed.</summary>
    public bool LeftTransposed;

    /// <summary>Floats of a row of the left matrix in memory that may be read.</summary>
    public int LeftReadable;

    /// <summary>Its rows are the terms, or with <see cref="RightTransposed"/> the columns of the product.</summary>
    public MatrixRef Right;

    public bool RightTransposed;

    /// <summary>[columns] or null.</summary>
    public float* Bias;

    /// <summary>Zero overwrites the destination without reading it.</summary>
    public float Beta;

    /// <summary>Sum (0, 0); rows are padded to a multiple of 32, and the padding stays zero.</summary>
    public float* Destination;

    public long DestinationStride;

    public int Rows;

    public int Columns;

    public int Terms;

    /// <summary>Whether the first stretch of terms adds to what the destination holds.</summary>
    public readonly bool Accumulates => Beta != 0 || Bias != null;

    /// <summary>Floats from row to row of the left factors as the product sees them.</summary>
    public readonly long LeftRowStride => LeftTransposed ? 1 : LeftStride;

    /// <summary>Floats from term to term of the left factors.</summary>
    public readonly long LeftTermStride => LeftTransposed ? LeftStride : 1;
}
