namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>destination [rows, columns] += left [rows, terms] · right [terms, columns].</summary>
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

    /// <summary>Its rows are the terms.</summary>
    public MatrixRef Right;

    /// <summary>Sum (0, 0); rows are padded to a multiple of 32, and the padding stays zero.</summary>
    public float* Destination;

    public long DestinationStride;

    public int Rows;

    public int Terms;

    /// <summary>Floats from row to row of the left factors as the product sees them.</summary>
    public readonly long LeftRowStride => LeftTransposed ? 1 : LeftStride;

    /// <summary>Floats from term to term of the left factors.</summary>
    public readonly long LeftTermStride => LeftTransposed ? LeftStride : 1;
}
