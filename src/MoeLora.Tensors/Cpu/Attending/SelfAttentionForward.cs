using MoeLora.Tensors.Cpu.Linear;
using MoeLora.Tensors.Cpu.Vectors;
using static MoeLora.Tensors.Cpu.Attending.SelfAttentionTile;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// Self-attention of some query heads over one key/value head of one span. For each block of queries: all scores that the mask lets through, tile by
/// tile; their exponentials; the weighted sums of values, tile by tile.
/// </summary>
internal static unsafe class SelfAttentionForward<L, V>
    where L : struct, ILanes<V>
    where V : struct
{
    /// <summary>The scores of a block of queries and a block of keys.</summary>
    private const long BlockFloats = QueryBlock * Stride;

    private static int TileRows => SelfAttentionTile<L, V, AsItIs>.Rows;

    private static int PanelKeys => 2 * L.Width;

    /// <summary>Floats of working memory for spans of up to <paramref name="rows"/> rows.</summary>
    public static long ScratchFloats(int rows, int headDim)
        => ((long)PaddedRows(rows) * 2 + QueryBlock) * SelfAttentionRows<L, V>.Padded(headDim) + (1L + KeyBlocks(rows)) * QueryBlock * Stride + QueryBlock;

    /// <summary>Rows with zeros up to whole panels.</summary>
    public static int PaddedRows(int rows) => (rows + PanelKeys - 1) / PanelKeys * PanelKeys;

    /// <summary>Rows with zeros up to whole tiles.</summary>
    public static int TileRowsOf(int rows) => (rows + TileRows - 1) / TileRows * TileRows;

    /// <summary>Computes heads [<paramref name="firstHead"/>, firstHead + heads), which share <paramref name="keyHead"/>.</summary>
    public static void Run(in SelfAttentionOperands operands, in SelfSpan span, int keyHead, int firstHead, int heads, float* scratch)
    {
        int dim = operands.HeadDim, padded = SelfAttentionRows<L, V>.Padded(dim), paddedRows = PaddedRows(span.RowCount);
        float* panels = scratch, values = panels + (long)paddedRows * padded, sums = values + (long)paddedRows * padded;
        float* queries = sums + (long)QueryBlock * padded, totals = queries + (long)QueryBlock * Stride;
        float* scores = totals + QueryBlock;

        // The keys lie where the values are copied to next until they are packed.
        SelfAttentionRows<L, V>.Copy(
            operands.Keys.At(span.FirstRow, keyHead), operands.Keys.Stride, span.RowCount, dim, 1, values, padded, paddedRows);
        Pack(values, paddedRows, padded, panels);
        bool finite = SelfAttentionRows<L, V>.Copy(
            operands.Values.At(span.FirstRow, keyHead), operands.Values.Stride, span.RowCount, dim, 1, values, padded, paddedRows);

        for (int head = firstHead; head < firstHead + heads; head++)
        {
            for (int first = 0; first < span.RowCount; first += QueryBlock)
            {
                int rows = Math.Min(QueryBlock, span.RowCount - first), visible = Visible(span, first + rows - 1);
                SelfAttentionRows<L, V>.Copy(
                    operands.Queries.At(span.FirstRow + first, head), operands.Queries.Stride, rows, dim, operands.Scale, queries, Stride, TileRowsOf(rows));
                for (int block = 0; block < KeyBlocks(visible); block++)
                    Scores(span, first, rows, block * KeyBlock, queries, panels, padded, dim, scores + block * BlockFloats);
                for (int row = 0; row < rows; row++)
                {
                    totals[row] = Exponentials(
                        Visible(span, first + row), visible, scores + row * Stride, operands.LogSums.At(span.FirstRow + first + row, head));
                }
                WeightedSums(span, first, rows, scores, values, padded, finite, sums);
                for (int row = 0; row < rows; row++)
                    SelfAttentionRows<L, V>.Write(sums + row * padded, 1 / totals[row], operands.Output.At(span.FirstRow + first + row, head), dim);
            }
        }
    }

    /// <summary>Row-major keys into panels of two vectors' width.</summary>
    public static void Pack(float* keys, int paddedRows, int padded, float* panels)
    {
        for (int key = 0; key < paddedRows; key += PanelKeys)
            BlockedKernel<L, V>.Pack(keys + (long)key * padded, padded, PanelKeys, padded, panels + (long)key * padded);
    }

    /// <summary>Products of a block of rows with the panels of the keys from <paramref name="start"/> on, where any row of a tile sees any key of a panel.</summary>
    public static void Scores(in SelfSpan span, int first, int rows, int start, float* left, float* panels, int padded, int dim, float* scores)
    {
        int seen = Seen(Visible(span, first + rows - 1), start);
        for (int key = 0; key < seen; key += PanelKeys)
        {
            for (int tile = 0; tile < rows; tile += TileRows)
            {
                if (Visible(span, first + Math.Min(tile + TileRows, rows) - 1) - start > key)
                {
                    SelfAttentionTile<L, V, AsItIs>.Run(
                        left + tile * Stride, panels + (long)(start + key) * padded, PanelKeys, dim, scores + tile * Stride + key, Stride, false);
                }
            }
        }
    }

    public static int KeyBlocks(int keys) => (keys + KeyBlock - 1) / KeyBlock;

    /// <summary>Keys of the block from <paramref name="start"/> on that a row sees which sees <paramref name="visible"/>.</summary>
    public static int Seen(int visible, int start) => Math.Clamp(visible - start, 0, KeyBlock);

    /// <summary>A row's scores, in blocks, to exponentials relative to the largest; zeros where only later rows of the block of queries see a block.</summary>
    /// <returns>Their sum.</returns>
    private static float Exponentials(int visible, int visibleToLast, float* scores, float* logSum)
    {
        float largest = float.NegativeInfinity, sum = 0;
        for (int start = 0; start < visible; start += KeyBlock)
            largest = SelfAttentionRows<L, V>.Largest(scores + start / KeyBlock * BlockFloats, Seen(visible, start), largest);
        for (int start = 0; start < visibleToLast; start += KeyBlock)
            sum += SelfAttentionRows<L, V>.Exponentials(scores + start / KeyBlock * BlockFloats, Seen(visible, start), largest);
        *logSum = largest + MathF.Log(sum);
        return sum;
    }

    private static void WeightedSums(in SelfSpan span, int first, int rows, float* scores, float* values, int padded, bool finite, float* sums)
    {
        for (int block = 0; block < KeyBlocks(Visible(span, first + rows - 1)); block++)
        {
            float* weights = scores + block * BlockFloats, from = values + (long)block * KeyBlock * padded;
            for (int column = 0; column < padded; column += PanelKeys)
            {
                for (int tile = 0; tile < rows && finite; tile += TileRows)
                {
                    int seen = Seen(Visible(span, first + Math.Min(tile + TileRows, rows) - 1), block * KeyBlock);
                    SelfAttentionTile<L, V, AsItIs>.Run(
                        weights + tile * Stride, from + column, padded, seen, sums + tile * padded + column, padded, block > 0);
                }
                // A weight of zero would not hide a NaN from who does not see it.
                for (int row = 0; row < rows && !finite; row++)
                {
                    int seen = Seen(Visible(span, first + row), block * KeyBlock);
                    SelfAttentionTile<L, V, AsItIs>.RunRow(weights + row * Stride, from + column, padded, seen, sums + row * padded + column, block > 0);
                }
            }
        }
    }

    private static int Visible(in SelfSpan span, int row) => SelfAttentionScalar.Visible(span, row);
}
