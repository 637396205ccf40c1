namespace MoeLora.Tensors;

/// <summary>
/// The operations that a transformer needs, on one kind of hardware. Models, recovery and the engine are written once
/// against this class; a new kind of hardware is a new subclass that passes the device conformance tests.
/// </summary>
/// <remarks>
/// All activations are F32 matrices whose first <c>rows</c> rows are used. Every operation checks shapes and throws
/// <see cref="ArgumentException"/> that names the operand; none allocates after its scratch memory has grown to the
/// largest shape seen. A device is driven by one thread at a time. NaN and infinity follow IEEE 754: they spread, and are
/// never hidden. The result of a row does not depend on which other rows are in the same call, except that <see cref="Linear"/> may choose its order of
/// summation by their number where it is left to it (<see cref="LinearOrder.Any"/>).
/// </remarks>
public abstract partial class Device : IDisposable
{
    /// <summary>A name for reports, such as <c>cpu (avx512, 2 threads)</c>.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The most rows that <see cref="Linear"/> sums in the order <see cref="LinearOrder.Few"/> where it may choose.
    /// </summary>
    public abstract int FewRows { get; }

    /// <summary>
    /// Prepares the calling thread to drive this device: called once, first of all, on a thread that does nothing else; never the process's main thread.
    /// </summary>
    public virtual void PinThread()
    {
    }

    /// <summary>Memory of the device's own for weights and keys and values, in bytes; null where it computes in the process's memory.</summary>
    public virtual long? MemoryBytes => null;

    /// <summary>
    /// Waits until all that was asked of it is computed: what times an operation calls it. Devices that compute while they are called do nothing; what
    /// comes back to the host has been waited for anyway.
    /// </summary>
    public virtual void Synchronize()
    {
    }

    /// <summary>
    /// Why the device computes nothing any more; null while it does. Tries it with a small computation: to be asked, on the thread that drives it, after an operation failed with what is
    /// neither a mistake of its operands nor a lack of memory. One that is lost stays so until the process ends.
    /// </summary>
    public virtual string? FindFault() => null;

    // ---- memory ----

    /// <summary>Allocates [<paramref name="rows"/>, <paramref name="columns"/>], all zeros.</summary>
    public abstract Tensor Allocate(DType dtype, int rows, int columns);

    /// <summary>Converts <paramref name="source"/> into rows [<paramref name="firstRow"/>, firstRow + source.Rows) of <paramref name="destination"/>.</summary>
    public abstract void Upload(TensorView source, Tensor destination, int firstRow = 0);

    /// <summary>Converts one row to F32 on the host. <paramref name="destination"/> has at least Columns elements.</summary>
    public abstract void Download(Tensor source, int row, Span<float> destination);

    /// <summary>Converts rows to F32 on the host, one behind the other, with one transfer where the device has memory of its own.</summary>
    /// <param name="source">Any dtype.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="destination">At least rows · Columns elements.</param>
    public virtual void Download(Tensor source, int firstRow, int rows, Span<float> destination)
    {
        OperandChecks.Download(source, firstRow, rows, destination.Length);
        for (int row = 0; row < rows; row++)
            Download(source, firstRow + row, destination.Slice(row * source.Columns, source.Columns));
    }

    /// <summary>Writes one row of an F32 tensor from the host; <paramref name="source"/> has Columns elements.</summary>
    public abstract void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row);

    /// <summary>Writes rows of an F32 tensor from the host, where they are one behind the other; with one transfer where the device has memory of its own.</summary>
    /// <param name="source">rows · Columns elements.</param>
    /// <param name="destination">F32.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">How many.</param>
    public virtual void WriteRows(ReadOnlySpan<float> source, Tensor destination, int firstRow, int rows)
    {
        OperandChecks.WriteRows(source, destination, firstRow, rows);
        for (int row = 0; row < rows; row++)
            WriteRow(source.Slice(row * destination.Columns, destination.Columns), destination, firstRow + row);
    }

    /// <summary>Makes a pool of F32 blocks for the caches of many sequences, all free and all zeros.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="heads">Key/value heads per layer.</param>
    /// <param name="headDim">Elements of one head.</param>
    /// <param name="blockPositions">Positions in a block: 32, 64 or 128. Results do not depend on it, not by a bit.</param>
    /// <param name="blocks">How many.</param>
    public abstract KvPool CreateKvPool(int layers, int heads, int headDim, int blockPositions, int blocks);

    /// <summary>Bytes of a pool for one position of one sequence.</summary>
    public abstract long KvBytesPerPosition(int layers, int heads, int headDim);

    /// <summary>Makes a cache for one sequence of up to <paramref name="capacity"/> positions, with a pool of its own that is freed with it (and its forks).</summary>
    public KvCache CreateKvCache(int layers, int heads, int headDim, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        KvPool pool = CreateKvPool(layers, heads, headDim, KvPool.DefaultBlockPositions, (capacity - 1) / KvPool.DefaultBlockPositions + 1);
        return pool.CreateOnlyCache(capacity);
    }

    // ---- dense layers ----

    /// <summary>
    /// Applies layers that read the same input, in one pass: for each call
    /// output = beta · output + weight · input + bias + B · (gate ∘ (A · input)).
    /// </summary>
    /// <param name="input">[rows or more, in] F32.</param>
    /// <param name="rows">Rows to compute.</param>
    /// <param name="calls">Layers; each has an output of its own, which is not the input.</param>
    /// <param name="order">The order of summation.</param>
    public abstract void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any);

    /// <summary>
    /// Recovery: destination = W0 + B · diag(gate) · A, computed in F32 from the published weights and stored once in the
    /// destination's dtype (arXiv 2310.18339, equation 8, with <paramref name="gate"/> = (α/r) · ω, each ω_i repeated r/N times).
    /// </summary>
    /// <param name="w0">[out, in], the published weights.</param>
    /// <param name="delta">A [r, in], B [out, r].</param>
    /// <param name="gate">r values.</param>
    /// <param name="destination">[out, in].</param>
    public abstract void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination);

    /// <summary>As <see cref="Recover(TensorView, LowRankDelta, ReadOnlySpan{float}, Tensor)"/>, from resident weights that hold the published values exactly.</summary>
    public abstract void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination);

    // ---- everything between the dense layers ----

    /// <summary>Row i of <paramref name="output"/> = row ids[i] of <paramref name="table"/> (any dtype).</summary>
    public abstract void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output);

    /// <summary>Row i of <paramref name="output"/> = row rows[i] of <paramref name="input"/>; both F32.</summary>
    public abstract void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output);

    /// <summary>output = input / √(mean(input²) + ε) · weight, by row. In place allowed.</summary>
    public abstract void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows);

    /// <summary>output = (input − mean) / √(variance + ε) · weight + bias, by row, with the population variance. In place allowed.</summary>
    public abstract void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows);

    /// <summary>
    /// Rotates, in place, elements [<paramref name="dimOffset"/>, dimOffset + d) of every head, d = 2 · table columns: with j in [0, d/2),
    /// the pair (x_j, x_{j + d/2}) turns by the table's angle at positions[row].
    /// </summary>
    public abstract void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions);

    /// <summary>Writes each span's keys and values into its cache at positions Past … Past + RowCount − 1.</summary>
    public abstract void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans);

    /// <summary>
    /// softmax(scale · q · kᵀ) · v for every span over its cache (which already holds the span's own positions). Query head h reads
    /// key/value head h / (query heads / cache heads). Output: [rows, heads · headDim], heads side by side.
    /// </summary>
    public abstract void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output);

    /// <summary>output = silu(gate) ∘ up, with silu(x) = x / (1 + e^−x). In place on either input allowed.</summary>
    public abstract void SiluGate(Tensor gate, Tensor up, Tensor output, int rows);

    /// <summary>output = GELU(input). In place allowed.</summary>
    public abstract void Gelu(Tensor input, Tensor output, int rows, GeluKind kind);

    /// <summary>Turns each row into probabilities, in place.</summary>
    public abstract void Softmax(Tensor values, int rows);

    /// <summary>The column of the row's largest value, the first of equals. Null when the row holds a NaN.</summary>
    public abstract int? ArgMax(Tensor values, int row);

    /// <summary>As <see cref="ArgMax(Tensor, int)"/> for each of the first rows, with one transfer where the device has memory of its own.</summary>
    /// <param name="values">F32, as many rows as columns are wanted or more.</param>
    /// <param name="columns">Gets the column of each row.</param>
    public virtual void ArgMax(Tensor values, Span<int?> columns)
    {
        OperandChecks.Activations(values, columns.Length, nameof(values));
        for (int row = 0; row < columns.Length; row++)
            columns[row] = ArgMax(values, row);
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
