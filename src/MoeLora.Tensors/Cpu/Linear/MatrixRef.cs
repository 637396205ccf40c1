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

    /// <summary>The first input row that the layer is applied to.</summary>
    public int FirstInput;

    /// <summary>How many it is applied to.</summary>
    public int Inputs;

    /// <summary>The output of input FirstInput + i starts at Output + i · OutputStride; for u of the blocked kernel see <see cref="LowRankPart.U"/>.</summary>
    public float* Output;

    public long OutputStride;

    public float Beta;

    /// <summary>Low-rank parts, ascending and apart; at most one, and that of all inputs, for the blocked kernel.</summary>
    public LowRankPart* Parts;

    public int PartCount;

    /// <summary>
    /// [Inputs, Weight.Rows]: what the results are multiplied by, or null. It makes the plan the one that computes u, from A; a gate of zero gives zero,
    /// whatever the result.
    /// </summary>
    public float* Gate;

    public long GateStride;
}

/// <summary>B · u, for neighbouring inputs of a layer.</summary>
internal unsafe struct LowRankPart
{
    /// <summary>The first, counted from the plan's first.</summary>
    public int First;

    public int Count;

    public MatrixRef B;

    /// <summary>u = gate ∘ (A · x), [Count, UColumns], or in panels of [UColumns, panel width] for the blocked kernel; zero beyond the rank.</summary>
    public float* U;

    /// <summary>The rank, padded to a multiple of 32.</summary>
    public int UColumns;
}
