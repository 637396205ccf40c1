namespace MoeLora.Tensors;

/// <summary>
/// A read-only window on elements stored densely in row-major order in memory that someone else keeps alive:
/// a mapped checkpoint, or a pinned array. It never owns what it points at.
/// </summary>
public readonly unsafe struct TensorView
{
    /// <summary>Creates a view of <paramref name="rows"/> × <paramref name="columns"/> elements at <paramref name="data"/>.</summary>
    /// <exception cref="ArgumentException">A size is negative, or the dtype is <see cref="DType.Q8"/>, which is not a dense format.</exception>
    public TensorView(void* data, DType dtype, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (dtype == DType.Q8)
            throw new ArgumentException("A view is dense; Q8 rows are padded and cannot be viewed.", nameof(dtype));
        Data = data;
        DType = dtype;
        Rows = rows;
        Columns = columns;
    }

    /// <summary>First element. Not necessarily aligned.</summary>
    public void* Data { get; }

    /// <summary>Element format: F32, F16 or BF16.</summary>
    public DType DType { get; }

    /// <summary>Number of rows; a vector has one.</summary>
    public int Rows { get; }

    /// <summary>Elements in a row.</summary>
    public int Columns { get; }

    /// <summary>The rows [<paramref name="start"/>, start + <paramref name="count"/>).</summary>
    public TensorView Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, Rows, nameof(count));
        return new TensorView((byte*)Data + DType.ByteCount((long)start * Columns), DType, count, Columns);
    }
}
