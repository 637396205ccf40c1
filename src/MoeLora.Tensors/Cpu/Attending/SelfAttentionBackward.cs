using MoeLora.Tensors.Cpu.Vectors;
using static MoeLora.Tensors.Cpu.Attending.SelfAttentionTile;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// The gradients of self-attention for one key/value head of one span and all query heads that read it, see <see cref="SelfAttentionScalar"/>. Query
/// heads, blocks of queries and blocks of keys follow each other in order, so the keys' and values' gradients are summed in the same order always.
/// </summary>
internal unsafe ref struct SelfAttentionBackward<L, V>
    where L : struct, ILanes<V>
    where V : struct
{
    private readonly ref readonly SelfAttentionOperands _operands;
    private readonly SelfSpan _span;
    private readonly int _keyHead, _padded, _paddedRows;

    // Of the span: [rows, headDim] padded, or panels of it.
    private readonly float* _keys, _keyPanels, _valuePanels, _keySums, _valueSums;

    // Of a block of queries.
    private readonly float* _queries, _upper, _scores, _gradients, _querySums;
    private readonly float* _means;

    private SelfAttentionBackward(in SelfAttentionOperands operands, in SelfSpan span, int keyHead, float* scratch)
    {
        _operands = ref operands;
        _span = span;
        _keyHead = keyHead;
        _padded = SelfAttentionRows<L, V>.Padded(operands.HeadDim);
        _paddedRows = SelfAttentionForward<L, V>.PaddedRows(span.RowCount);
        long matrix = MatrixFloats(span.RowCount, operands.HeadDim), block = QueryBlock * Stride;
        _keys = scratch;
        _keyPanels = _keys + matrix;
        _valuePanels = _keyPanels + matrix;
        _keySums = _valuePanels + matrix;
        _valueSums = _keySums + matrix;
        _queries = _valueSums + matrix;
        _upper = _queries + block;
        _scores = _upper + block;
        _gradients = _scores + block;
        _querySums = _gradients + block;
        _means = _querySums + (long)QueryBlock * _padded;
    }

    private static int TileRows => SelfAttentionTile<L, V, AsItIs>.Rows;

    private static int PanelColumns => 2 * L.Width;

    /// <summary>Floats of working memory for spans of up to <paramref name="rows"/> rows.</summary>
    public static long ScratchFloats(int rows, int headDim)
        => 5 * MatrixFloats(rows, headDim) + QueryBlock * (SelfAttentionRows<L, V>.Padded(headDim) + 4L * Stride + 1);

    /// <summary>Adds the gradients of one key/value head and its query heads.</summary>
    public static void Run(in SelfAttentionOperands operands, in SelfSpan span, int keyHead, float* scratch)
        => new SelfAttentionBackward<L, V>(operands, span, keyHead, scratch).Run();

    private readonly void Run()
    {
        int dim = _operands.HeadDim;
        // The values lie where the keys are copied to next until they are packed.
        Copy(_operands.Values, _keys);
        SelfAttentionForward<L, V>.Pack(_keys, _paddedRows, _padded, _valuePanels);
        bool finiteKeys = Copy(_operands.Keys, _keys);
        SelfAttentionForward<L, V>.Pack(_keys, _paddedRows, _padded, _keyPanels);
        int sums = (int)MatrixFloats(_span.RowCount, dim);
        new Span<float>(_keySums, sums).Clear();
        new Span<float>(_valueSums, sums).Clear();

        for (int head = _keyHead * _operands.HeadsPerKey; head < (_keyHead + 1) * _operands.HeadsPerKey; head++)
        {
            for (int first = 0; first < _span.RowCount; first += QueryBlock)
                Queries(head, first, Math.Min(QueryBlock, _span.RowCount - first), finiteKeys);
        }

        for (int row = 0; row < _span.RowCount; row++)
        {
            SelfAttentionRows<L, V>.Add(_keySums + (long)row * _padded, 1, _operands.KeyGradient.At(_span.FirstRow + row, _keyHead), dim);
            SelfAttentionRows<L, V>.Add(_valueSums + (long)row * _padded, 1, _operands.ValueGradient.At(_span.FirstRow + row, _keyHead), dim);
        }
    }

    /// <summary>Room for whole panels and for whole tiles.</summary>
    private static long MatrixFloats(int rows, int headDim)
        => (long)Math.Max(SelfAttentionForward<L, V>.PaddedRows(rows), SelfAttentionForward<L, V>.TileRowsOf(rows)) * SelfAttentionRows<L, V>.Padded(headDim);

    private readonly bool Copy(in HeadRows heads, float* destination) => SelfAttentionRows<L, V>.Copy(
        heads.At(_span.FirstRow, _keyHead), heads.Stride, _span.RowCount, _operands.HeadDim, 1, destination, _padded, _paddedRows);

    /// <summary>A block of queries of one head against all keys that they see.</summary>
    private readonly void Queries(int head, int first, int rows, bool finiteKeys)
    {
        int dim = _operands.HeadDim, top = _span.FirstRow + first;
        bool finite = SelfAttentionRows<L, V>.Copy(
            _operands.Queries.At(top, head), _operands.Queries.Stride, rows, dim, _operands.Scale, _queries, Stride, SelfAttentionForward<L, V>.TileRowsOf(rows));
        finite &= SelfAttentionRows<L, V>.Copy(
            _operands.OutputGradient.At(top, head), _operands.OutputGradient.Stride, rows, dim, 1, _upper, Stride, SelfAttentionForward<L, V>.TileRowsOf(rows));
        for (int row = 0; row < rows; row++)
            _means[row] = SelfAttentionRows<L, V>.Dot(_upper + row * Stride, _operands.Output.At(top + row, head), dim);

        int visible = Visible(first + rows - 1);
        for (int start = 0; start < visible; start += KeyBlock)
        {
            SelfAttentionForward<L, V>.Scores(_span, first, rows, start, _queries, _keyPanels, _padded, dim, _scores);
            SelfAttentionForward<L, V>.Scores(_span, first, rows, start, _upper, _valuePanels, _padded, dim, _gradients);
            for (int row = 0; row < rows; row++)
            {
                SelfAttentionRows<L, V>.Gradients(
                    _scores + row * Stride, _gradients + row * Stride, Seen(first + row, start), *_operands.LogSums.At(top + row, head), _means[row]);
            }
            if (finite && finiteKeys)
            {
                AddToQueries(first, rows, start);
                AddToKeys(first, rows, start);
            }
            else
            {
                AddRowByRow(first, rows, start);
            }
        }
        for (int row = 0; row < rows; row++)
            SelfAttentionRows<L, V>.Add(_querySums + row * _padded, _operands.Scale, _operands.QueryGradient.At(top + row, head), dim);
    }

    /// <summary>dq += dS · k.</summary>
    private readonly void AddToQueries(int first, int rows, int start)
    {
        for (int column = 0; column < _padded; column += PanelColumns)
        {
            for (int tile = 0; tile < rows; tile += TileRows)
            {
                int seen = Seen(first + Math.Min(tile + TileRows, rows) - 1, start);
                SelfAttentionTile<L, V, AsItIs>.Run(
                    _gradients + tile * Stride, _keys + (long)start * _padded + column, _padded, seen, _querySums + tile * _padded + column, _padded, start > 0);
            }
        }
    }

    /// <summary>dv += Pᵀ · do and dk += dSᵀ · q, from the first query of the block on that sees the tile's first key.</summary>
    private readonly void AddToKeys(int first, int rows, int start)
    {
        int seen = Seen(first + rows - 1, start);
        for (int key = 0; key < seen; key += TileRows)
        {
            int from = start + key < _span.VisiblePrefix ? 0 : Math.Max(0, start + key - first);
            long sums = (long)(start + key) * _padded;
            for (int column = 0; column < _padded; column += PanelColumns)
            {
                SelfAttentionTile<L, V, Transposed>.Run(
                    _scores + from * Stride + key, _upper + from * Stride + column, Stride, rows - from, _valueSums + sums + column, _padded, true);
                SelfAttentionTile<L, V, Transposed>.Run(
                    _gradients + from * Stride + key, _queries + from * Stride + column, Stride, rows - from, _keySums + sums + column, _padded, true);
            }
        }
    }

    /// <summary>The same, where a NaN or an infinity is: a weight of zero would not hide it from who does not see it.</summary>
    private readonly void AddRowByRow(int first, int rows, int start)
    {
        for (int row = 0; row < rows; row++)
        {
            int seen = Seen(first + row, start);
            for (int column = 0; column < _padded; column += PanelColumns)
            {
                SelfAttentionTile<L, V, AsItIs>.RunRow(
                    _gradients + row * Stride, _keys + (long)start * _padded + column, _padded, seen, _querySums + row * _padded + column, start > 0);
                for (int key = 0; key < seen; key++)
                {
                    long sums = (long)(start + key) * _padded + column;
                    SelfAttentionTile<L, V, Transposed>.RunRow(
                        _scores + row * Stride + key, _upper + row * Stride + column, Stride, 1, _valueSums + sums, true);
                    SelfAttentionTile<L, V, Transposed>.RunRow(
                        _gradients + row * Stride + key, _queries + row * Stride + column, Stride, 1, _keySums + sums, true);
                }
            }
        }
    }

    private readonly int Visible(int row) => SelfAttentionScalar.Visible(_span, row);

    private readonly int Seen(int row, int start) => SelfAttentionForward<L, V>.Seen(Visible(row), start);
}
