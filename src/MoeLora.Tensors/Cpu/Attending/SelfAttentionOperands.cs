namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>Where a matrix of heads lies.</summary>
/// <param name="tensor">F32.</param>
/// <param name="offset">Column of head 0.</param>
/// <param name="headStride">Columns from head to head.</param>
internal readonly unsafe struct HeadRows(CpuTensor tensor, int offset, int headStride)
{
    private readonly float* _first = tensor.F32Row(0) + offset;

    /// <summary>Floats from row to row.</summary>
    public nint Stride { get; } = (nint)(tensor.Stride / sizeof(float));

    /// <summary>The first element of a head in a row.</summary>
    public float* At(int row, int head) => _first + row * Stride + (long)head * headStride;
}

/// <summary>What <see cref="Device.SelfAttention"/> and its backward pass work on; the gradients are set in the latter only.</summary>
internal struct SelfAttentionOperands
{
    public HeadRows Queries, Keys, Values, Output, LogSums;
    public HeadRows OutputGradient, QueryGradient, KeyGradient, ValueGradient;
    public int HeadDim;

    /// <summary>Query heads that read one key/value head.</summary>
    public int HeadsPerKey;

    public float Scale;

    /// <summary>Rows of the longest span.</summary>
    public int MaxRows;
}
