namespace MoeLora.Tensors;

/// <summary>
/// A low-rank addition to a dense layer, for all experts at once: A stacks the experts' A_i, B their B_i.
/// </summary>
/// <param name="A">[r, in].</param>
/// <param name="B">[out, r]; not Q8 for <see cref="Device.Linear"/>.</param>
public sealed record LowRankDelta(Tensor A, Tensor B)
{
    /// <summary>The total rank r over all experts.</summary>
    public int Rank => A.Rows;
}

/// <summary>A low-rank delta for neighbouring rows of a <see cref="LinearCall"/>: rows of a batch may belong to different banks.</summary>
/// <param name="Delta">The layer's delta in the rows' bank.</param>
/// <param name="Gate">
/// [FirstRow + RowCount or more, r or more] F32: row t of the call reads row t, r values. Several deltas may share one matrix; each reads its own rows of it only.
/// </param>
/// <param name="FirstRow">The first row that has this delta.</param>
/// <param name="RowCount">How many rows have it.</param>
public readonly record struct RowDelta(LowRankDelta Delta, Tensor Gate, int FirstRow, int RowCount)
{
    /// <summary>The row behind the last.</summary>
    public int EndRow => FirstRow + RowCount;
}

/// <summary>
/// In which order <see cref="Device.Linear"/> sums. In one of the two fixed orders a row's bits depend on nothing but its input, the layer, its delta and gate, and
/// the order; not on how many rows the call has or what they hold.
/// </summary>
public enum LinearOrder
{
    /// <summary>What is fastest for the number of rows: <see cref="Few"/> up to <see cref="Device.FewRows"/>, else <see cref="Many"/>.</summary>
    Any,

    /// <summary>The order that is fastest for few rows, as in decoding.</summary>
    Few,

    /// <summary>The order that is fastest for many rows, as in prompts.</summary>
    Many,
}

/// <summary>
/// One dense layer applied by <see cref="Device.Linear"/>:
/// output = beta · output + weight · x + bias + B · (gate ∘ (A · x)).
/// </summary>
public struct LinearCall
{
    /// <summary>W0 or a recovered W_j, [out, in].</summary>
    public required Tensor Weight;

    /// <summary>[1, out] F32, or null.</summary>
    public Tensor? Bias;

    /// <summary>[rows or more, out] F32.</summary>
    public required Tensor Output;

    /// <summary>What the output's old values are multiplied by; 0 overwrites without reading them.</summary>
    public float Beta;

    /// <summary>The delta of all rows, or null: none, or <see cref="Deltas"/>.</summary>
    public LowRankDelta? Delta;

    /// <summary>
    /// [rows or more, r or more] F32, required with <see cref="Delta"/>: for each row its task's ω, each ω_i repeated r/N times, times α/r.
    /// A row of zeros adds nothing.
    /// </summary>
    public Tensor? Gate;

    /// <summary>
    /// Where rows have different deltas, or some have none: ranges of rows, ascending and apart, instead of <see cref="Delta"/>. Rows of a range read nothing of the
    /// others' deltas.
    /// </summary>
    public ReadOnlyMemory<RowDelta> Deltas;

    /// <summary>How many ranges of rows have a delta.</summary>
    internal readonly int DeltaCount => Delta is null ? Deltas.Length : 1;

    /// <summary>A range of rows with its delta, of a call of so many rows.</summary>
    internal readonly RowDelta DeltaAt(int index, int rows) => Delta is null ? Deltas.Span[index] : new RowDelta(Delta, Gate!, 0, rows);
}

/// <summary>
/// Heads inside the rows of a matrix: head h of row t starts at column <paramref name="Offset"/> + h · <paramref name="Stride"/>
/// and has <paramref name="HeadDim"/> elements. It describes split and interleaved query/key/value layouts alike.
/// </summary>
/// <param name="Tensor">[rows, columns] F32.</param>
/// <param name="Offset">Column of head 0.</param>
/// <param name="Stride">Columns from one head to the next.</param>
/// <param name="Heads">Number of heads.</param>
/// <param name="HeadDim">Elements of a head.</param>
public readonly record struct HeadView(Tensor Tensor, int Offset, int Stride, int Heads, int HeadDim);

/// <summary>Cosines and sines by position for <see cref="Device.Rotary"/>.</summary>
/// <param name="Cos">[positions, d/2] F32.</param>
/// <param name="Sin">[positions, d/2] F32.</param>
public sealed record RotaryTable(Tensor Cos, Tensor Sin);

/// <summary>The rows of one sequence in a step.</summary>
/// <remarks>
/// The span's row i is the sequence's position Past + i. It attends to positions 0 … max(Past + i, VisiblePrefix − 1),
/// but never past the last position of the span: a prompt that is attended in both directions must be one span.
/// </remarks>
public struct AttentionSpan
{
    /// <summary>The sequence's keys and values.</summary>
    public required KvCache Cache;

    /// <summary>The first row of this sequence in the step's matrices.</summary>
    public int FirstRow;

    /// <summary>How many rows follow each other.</summary>
    public int RowCount;

    /// <summary>Positions already in the cache; the first row's position.</summary>
    public int Past;

    /// <summary>Positions [0, VisiblePrefix) are seen by every row (prefix-bidirectional attention); 0 is plain causal attention.</summary>
    public int VisiblePrefix;
}

/// <summary>Which function <see cref="Device.Gelu"/> computes.</summary>
public enum GeluKind
{
    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as ChatGLM-6B uses.</summary>
    Tanh,

    /// <summary>0.5·x·(1 + erf(x/√2)).</summary>
    Erf,
}
