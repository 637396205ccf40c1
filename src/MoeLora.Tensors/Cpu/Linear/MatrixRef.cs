namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>Where a weight matrix is in memory, for the kernels.</summary>
internal readonly unsafe struct MatrixRef(byte* data, long stride, DType dtype, int rows, int columns, int paddedColumns)
{
    /// <summary>First byte of row 0.</summary>
    public readonly byte* Data = data;

    /// <summary>Bytes from row to row.</summary>
    public readonly long Stride = stride;

    public readonly DType DType = dtype;

    /// <summary>Outputs.</summary>
    public readonly int Rows = rows;

    /// <summary>Inputs.</summary>
    public readonly int Columns = columns;

    /// <summary>Inputs up to the padding, which is zero: a multiple of 16, of 32 for Q8.</summary>
    public readonly int PaddedColumns = paddedColumns;
}

/// <summary>One layer of a <see cref="Device.Linear"/> call as the kernels see it: y = beta · y + W · x + bias + B · u, then times gate.</summary>
internal unsafe struct LinearPlan
{
    public MatrixRef Weight;

    /// <summary>[Weight.Rows] or null.</summary>
    public float* Bias;

    /// <summary>Output row t starts at Output + t · OutputStride.</summary>
    public float* Output;

    public long OutputStride;

    public float Beta;

    /// <summary>B of the low-rank part; its data is null where there is none.</summary>
    public MatrixRef B;

    /// <summary>u = gate ∘ (A · x), [inputs, UColumns], or in panels of [UColumns, panel width] for the blocked kernel; zero beyond the rank.</summary>
    public float* U;

    /// <summary>The rank, padded to a multiple of 32.</summary>
    public int UColumns;

    /// <summary>
    /// [rows, Weight.Rows]: what the results are multiplied by, or null. It makes the plan the one that computes u, from A; a gate of zero gives zero,
    /// whatever the result.
    /// </summary>
    public float* Gate;

    public long GateStride;
}
