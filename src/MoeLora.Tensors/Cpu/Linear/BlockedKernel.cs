using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Dense layers for many input rows (prefill): a blocked matrix product. Inputs are packed once into panels of two registers' width, column by
/// column, and stay in the second-level cache a stretch of columns at a time; each tile of weight rows is widened to floats in the first-level cache
/// and meets all panels.
/// The low-rank part is one more stretch of columns: B's, with the panels of u.
/// </summary>
/// <remarks>
/// An output sums its columns in ascending order, in the same stretches, whatever the number of inputs: it does not depend on the batch.
/// </remarks>
internal static unsafe class BlockedKernel<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Weight rows that a worker takes at a time, a multiple of every tile height.</summary>
    public const int RowBlock = 48;

    /// <summary>Inputs that are packed at a time.</summary>
    public const int MaxInputs = 512;

    /// <summary>Inputs in a panel.</summary>
    public static int PanelWidth => 2 * L.Width;

    private static int TileRows => L.Width == 16 ? 12 : 6;

    /// <summary>Panels for <paramref name="inputs"/> rows.</summary>
    public static int Panels(int inputs) => (inputs + PanelWidth - 1) / PanelWidth;

    /// <summary>Floats of scratch that a worker needs for <paramref name="inputs"/> rows: widened weights and the block's sums.</summary>
    public static int ScratchFloats(int inputs) => TileRows * LeftRows.RowStride + RowBlock * Panels(inputs) * PanelWidth;

    /// <summary>
    /// Packs one panel: packed[k · PanelWidth + i] = input[i][k] for the panel's inputs; missing inputs are zero.
    /// </summary>
    /// <param name="input">First input row of the panel.</param>
    /// <param name="stride">Floats from row to row.</param>
    /// <param name="inputs">Inputs in the panel, up to <see cref="PanelWidth"/>.</param>
    /// <param name="columns">Columns, a multiple of 16.</param>
    /// <param name="packed">columns · PanelWidth floats.</param>
    public static void Pack(float* input, long stride, int inputs, int columns, float* packed)
    {
        int width = PanelWidth;
        if (inputs < width)
            new Span<float>(packed, columns * width).Clear();
        int i = 0;
        if (Transpose.IsSupported && width % 8 == 0)
        {
            for (; i + 8 <= inputs; i += 8)
            {
                float* source = input + i * stride;
                float* destination = packed + i;
                for (int k = 0; k < columns; k += 8)
                {
                    float* r = source + k;
                    Transpose.Load8x8(
                        r, r + stride, r + 2 * stride, r + 3 * stride, r + 4 * stride, r + 5 * stride, r + 6 * stride, r + 7 * stride, out Vector256<float> c0, out Vector256<float> c1,
                        out Vector256<float> c2, out Vector256<float> c3, out Vector256<float> c4, out Vector256<float> c5, out Vector256<float> c6, out Vector256<float> c7);
                    float* d = destination + (long)k * width;
                    c0.Store(d);
                    c1.Store(d + width);
                    c2.Store(d + 2 * width);
                    c3.Store(d + 3 * width);
                    c4.Store(d + 4 * width);
                    c5.Store(d + 5 * width);
                    c6.Store(d + 6 * width);
                    c7.Store(d + 7 * width);
                }
            }
        }

        for (; i < inputs; i++)
        {
            for (int k = 0; k < columns; k++)
                packed[(long)k * width + i] = input[i * stride + k];
        }
    }

    /// <summary>Computes outputs [<paramref name="first"/>, <paramref name="end"/>), at most <see cref="RowBlock"/>, for all inputs and writes them to rows of the plan's output.</summary>
    public static void Run(in LinearPlan plan, float* panels, int panelColumns, int first, int end, float* scratch)
    {
        float* sums = Multiply(plan, panels, panelColumns, first, end, scratch);
        Write(plan, sums, Panels(plan.Inputs) * PanelWidth, plan.Inputs, first, end);
    }

    /// <summary>
    /// Computes u = gate ∘ (A · x) for outputs [<paramref name="first"/>, <paramref name="end"/>) and writes it as panels: what <see cref="Run"/> takes as the
    /// low-rank part's inputs.
    /// </summary>
    public static void RunLowRank(in LinearPlan plan, float* panels, int panelColumns, int first, int end, float* scratch)
    {
        float* sums = Multiply(plan, panels, panelColumns, first, end, scratch);
        int width = PanelWidth;
        long sumStride = Panels(plan.Inputs) * width;
        for (int p = 0; p < Panels(plan.Inputs); p++)
        {
            for (int row = first; row < end; row++)
            {
                float* source = sums + (row - first) * sumStride + p * width;
                float* u = plan.Output + (p * plan.OutputStride + row) * width;
                for (int i = 0; i < width; i++)
                {
                    int t = p * width + i;
                    u[i] = t < plan.Inputs ? RowKernel<L, V>.Gated(source[i], plan.Gate[t * plan.GateStride + row]) : 0;
                }
            }
        }
    }

    private static float* Multiply(in LinearPlan plan, float* panels, int panelColumns, int first, int end, float* scratch)
    {
        float* widened = scratch;
        float* sums = scratch + TileRows * LeftRows.RowStride;
        int columns = plan.Weight.PaddedColumns;
        int depth = Stretches.Depth(columns);
        for (int k = 0; k < columns; k += depth)
            Stretch(plan.Weight, panels, panelColumns, k, Math.Min(depth, columns - k), plan.Inputs, first, end, widened, sums, k > 0);
        if (plan.PartCount > 0)
        {
            ref LowRankPart part = ref *plan.Parts;
            int rank = part.B.PaddedColumns;
            for (int k = 0; k < rank; k += Stretches.MaxDepth)
                Stretch(part.B, part.U, part.UColumns, k, Math.Min(Stretches.MaxDepth, rank - k), plan.Inputs, first, end, widened, sums, accumulate: true);
        }

        return sums;
    }

    /// <summary>Adds columns [k, k + depth) of a block of weight rows, times all panels, to the block's sums.</summary>
    private static void Stretch(in MatrixRef weight, float* panels, int panelColumns, int k, int depth, int inputs, int first, int end, float* widened, float* sums, bool accumulate)
    {
        switch (weight.DType)
        {
            case DType.F32: Stretch<WeightsF32>(weight, panels, panelColumns, k, depth, inputs, first, end, widened, sums, accumulate); break;
            case DType.F16: Stretch<WeightsF16>(weight, panels, panelColumns, k, depth, inputs, first, end, widened, sums, accumulate); break;
            case DType.BF16: Stretch<WeightsBF16>(weight, panels, panelColumns, k, depth, inputs, first, end, widened, sums, accumulate); break;
            case DType.Q8: Stretch<WeightsQ8>(weight, panels, panelColumns, k, depth, inputs, first, end, widened, sums, accumulate); break;
            default: throw new InvalidOperationException($"No dense kernel for {weight.DType}.");
        }
    }

    private static void Stretch<TFormat>(
        in MatrixRef weight, float* panels, int panelColumns, int k, int depth, int inputs, int first, int end, float* widened, float* sums, bool accumulate)
        where TFormat : struct, IWeightFormat
    {
        int width = PanelWidth;
        int count = Panels(inputs);
        long sumStride = count * width;
        for (int row = first; row < end; row += TileRows)
        {
            Widen<TFormat>(weight, row, Math.Min(row + TileRows, end), k, depth, widened);
            // What comes after this tile: the rows behind it, or the first ones' next columns.
            bool last = row + TileRows >= end;
            int nextRow = last ? first : row + TileRows, nextColumn = last ? k + depth : k;
            long nextBytes = (long)Math.Min(depth, weight.PaddedColumns - nextColumn) * TFormat.ElementBytes;
            byte* next = weight.Data + nextRow * weight.Stride + TFormat.ElementOffset(weight.Columns) + (long)nextColumn * TFormat.ElementBytes;
            int nextRows = Math.Min(TileRows, end - nextRow);
            float* x = panels + (long)k * width;
            float* c = sums + (row - first) * sumStride;
            for (int p = 0; p < count; p++, x += (long)panelColumns * width, c += width)
            {
                for (int r = nextRows * p / count; r < nextRows * (p + 1) / count; r++)
                    Fetch(next + r * weight.Stride, nextBytes);
                if (L.Width == 16)
                    MicroTile<L, V, LeftRows, PackedRight>.Run12(widened, 1, x, width, depth, c, sumStride, accumulate);
                else
                    MicroTile<L, V, LeftRows, PackedRight>.Run6(widened, 1, x, width, depth, c, sumStride, accumulate);
            }
        }
    }

    private static void Fetch(byte* data, long bytes)
    {
        if (!Sse.IsSupported)
            return;
        for (long i = 0; i < bytes; i += 64)
            Sse.Prefetch1(data + i);
    }

    /// <summary>Widens columns [k, k + depth) of the rows of a tile to floats; rows from <paramref name="end"/> on are zero.</summary>
    private static void Widen<TFormat>(in MatrixRef weight, int first, int end, int k, int depth, float* widened)
        where TFormat : struct, IWeightFormat
    {
        float* scales = stackalloc float[Stretches.MaxDepth / Q8Format.BlockSize + 16];
        for (int r = 0; r < TileRows; r++)
        {
            float* destination = widened + r * LeftRows.RowStride;
            if (first + r >= end)
            {
                new Span<float>(destination, depth).Clear();
                continue;
            }

            byte* row = weight.Data + (first + r) * weight.Stride;
            byte* elements = row + TFormat.ElementOffset(weight.Columns) + (long)k * TFormat.ElementBytes;
            // k is a multiple of 32, so the scales of the stretch begin at a whole block.
            if (TFormat.HasScales)
                TFormat.PrepareRow<L, V>(row + k / Q8Format.BlockSize * Q8Format.ScaleBytes, Math.Min(depth, weight.Columns - k), scales);
            for (nint j = 0; j < depth; j += L.Width)
                L.Store(destination + j, TFormat.Load<L, V>(elements, scales, j));
        }
    }

    /// <summary>output[t, row] = beta · output + sums[row, t] + bias, eight by eight.</summary>
    private static void Write(in LinearPlan plan, float* sums, long sumStride, int inputs, int first, int end)
    {
        int wholeRows = Transpose.IsSupported ? (end - first) & ~7 : 0, wholeInputs = wholeRows == 0 ? 0 : inputs & ~7;
        // All rows of eight inputs before the next eight: whole cache lines of the output are written at a time.
        for (int t = 0; t < wholeInputs; t += 8)
        {
            for (int row = first; row < first + wholeRows; row += 8)
            {
                float* r = sums + (row - first) * sumStride + t;
                Vector256<float> bias = plan.Bias == null ? Vector256<float>.Zero : Vector256.Load(plan.Bias + row);
                Transpose.Load8x8(
                    r, r + sumStride, r + 2 * sumStride, r + 3 * sumStride, r + 4 * sumStride, r + 5 * sumStride, r + 6 * sumStride, r + 7 * sumStride, out Vector256<float> c0,
                    out Vector256<float> c1, out Vector256<float> c2, out Vector256<float> c3, out Vector256<float> c4, out Vector256<float> c5, out Vector256<float> c6, out Vector256<float> c7);
                float* output = plan.Output + t * plan.OutputStride + row;
                WriteEight(output, c0 + bias, plan.Beta);
                WriteEight(output + plan.OutputStride, c1 + bias, plan.Beta);
                WriteEight(output + 2 * plan.OutputStride, c2 + bias, plan.Beta);
                WriteEight(output + 3 * plan.OutputStride, c3 + bias, plan.Beta);
                WriteEight(output + 4 * plan.OutputStride, c4 + bias, plan.Beta);
                WriteEight(output + 5 * plan.OutputStride, c5 + bias, plan.Beta);
                WriteEight(output + 6 * plan.OutputStride, c6 + bias, plan.Beta);
                WriteEight(output + 7 * plan.OutputStride, c7 + bias, plan.Beta);
            }
        }

        for (int t = 0; t < inputs; t++)
        {
            for (int row = t < wholeInputs ? first + wholeRows : first; row < end; row++)
                WriteOne(plan, sums, sumStride, t, row, first);
        }
    }

    private static void WriteEight(float* output, Vector256<float> values, float beta)
    {
        if (beta != 0)
            values += Vector256.Create(beta) * Vector256.Load(output);
        values.Store(output);
    }

    private static void WriteOne(in LinearPlan plan, float* sums, long sumStride, int t, int row, int first)
    {
        float y = sums[(row - first) * sumStride + t];
        if (plan.Bias != null)
            y += plan.Bias[row];
        float* output = plan.Output + t * plan.OutputStride + row;
        *output = plan.Beta == 0 ? y : y + plan.Beta * *output;
    }
}
