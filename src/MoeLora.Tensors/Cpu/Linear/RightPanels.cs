using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Packs right factors of a product into panels, widened to floats: [terms, panel width] for each panel, one panel after the other, so that the inner
/// loop reads them in the order in which they lie. Columns that the matrix does not have are zero.
/// </summary>
internal static unsafe class RightPanels<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Columns that are transposed together.</summary>
    private const int Together = 8;

    /// <summary>From a matrix whose rows are the terms.</summary>
    /// <param name="right">[terms, columns], any dtype.</param>
    /// <param name="k">First term.</param>
    /// <param name="terms">Terms, up to <see cref="Stretches.MaxDepth"/>.</param>
    /// <param name="firstColumn">A multiple of 32.</param>
    /// <param name="columns">A multiple of the panels' width, at most <see cref="ProductKernel{L, V}.MaxColumns"/>.</param>
    /// <param name="panelWidth">One or two registers.</param>
    /// <param name="panels">terms · columns floats.</param>
    public static void Pack(in MatrixRef right, int k, int terms, int firstColumn, int columns, int panelWidth, float* panels)
    {
        switch (right.DType)
        {
            case DType.F32: Pack<WeightsF32>(right, k, terms, firstColumn, columns, panelWidth, panels); break;
            case DType.F16: Pack<WeightsF16>(right, k, terms, firstColumn, columns, panelWidth, panels); break;
            case DType.BF16: Pack<WeightsBF16>(right, k, terms, firstColumn, columns, panelWidth, panels); break;
            case DType.Q8: Pack<WeightsQ8>(right, k, terms, firstColumn, columns, panelWidth, panels); break;
            default: throw new InvalidOperationException($"No dense kernel for {right.DType}.");
        }
    }

    /// <summary>From a matrix whose rows are the columns of the product, such as the weights of a layer.</summary>
    /// <param name="right">[columns, terms], any dtype.</param>
    /// <param name="k">First term, a multiple of 32.</param>
    /// <param name="terms">Terms, a multiple of 16.</param>
    /// <param name="firstColumn">First row of the matrix.</param>
    /// <param name="columns">A multiple of the panels' width.</param>
    /// <param name="panelWidth">One or two registers.</param>
    /// <param name="panels">terms · columns floats.</param>
    /// <param name="rows">Scratch for eight widened rows.</param>
    public static void PackTransposed(in MatrixRef right, int k, int terms, int firstColumn, int columns, int panelWidth, float* panels, float* rows)
    {
        switch (right.DType)
        {
            case DType.F32: PackTransposed<WeightsF32>(right, k, terms, firstColumn, columns, panelWidth, panels, rows); break;
            case DType.F16: PackTransposed<WeightsF16>(right, k, terms, firstColumn, columns, panelWidth, panels, rows); break;
            case DType.BF16: PackTransposed<WeightsBF16>(right, k, terms, firstColumn, columns, panelWidth, panels, rows); break;
            case DType.Q8: PackTransposed<WeightsQ8>(right, k, terms, firstColumn, columns, panelWidth, panels, rows); break;
            default: throw new InvalidOperationException($"No dense kernel for {right.DType}.");
        }
    }

    private static void Pack<TFormat>(in MatrixRef right, int k, int terms, int firstColumn, int columns, int panelWidth, float* panels)
        where TFormat : struct, IWeightFormat
    {
        float* scales = stackalloc float[ProductKernel<L, V>.MaxColumns / Q8Format.BlockSize + 16];
        int present = Math.Min(columns, right.PaddedColumns - firstColumn);
        for (int t = 0; t < terms; t++)
        {
            byte* row = right.Data + (k + t) * right.Stride;
            byte* elements = row + TFormat.ElementOffset(right.Columns) + (long)firstColumn * TFormat.ElementBytes;
            if (TFormat.HasScales)
                TFormat.PrepareRow<L, V>(row + firstColumn / Q8Format.BlockSize * Q8Format.ScaleBytes, Math.Min(columns, right.Columns - firstColumn), scales);
            float* destination = panels + t * panelWidth;
            for (int j = 0; j < columns; j += panelWidth, destination += (long)terms * panelWidth)
            {
                for (int i = 0; i < panelWidth; i += L.Width)
                    L.Store(destination + i, j + i < present ? TFormat.Load<L, V>(elements, scales, j + i) : L.Zero);
            }
        }
    }

    private static void PackTransposed<TFormat>(in MatrixRef right, int k, int terms, int firstColumn, int columns, int panelWidth, float* panels, float* rows)
        where TFormat : struct, IWeightFormat
    {
        int together = Math.Min(Together, panelWidth);
        for (int column = 0; column < columns; column += together)
        {
            for (int i = 0; i < together; i++)
                Widen<TFormat>(right, firstColumn + column + i, k, terms, rows + i * LeftRows.RowStride);
            float* destination = panels + (long)(column / panelWidth) * terms * panelWidth + column % panelWidth;
            if (Transpose.IsSupported && together == Together)
            {
                TransposeEight(rows, terms, panelWidth, destination);
                continue;
            }

            for (int t = 0; t < terms; t++)
            {
                for (int i = 0; i < together; i++)
                    destination[t * panelWidth + i] = rows[i * LeftRows.RowStride + t];
            }
        }
    }

    private static void TransposeEight(float* rows, int terms, int panelWidth, float* destination)
    {
        int stride = LeftRows.RowStride;
        for (int t = 0; t < terms; t += 8)
        {
            float* r = rows + t;
            float* d = destination + t * panelWidth;
            Transpose.Load8x8(
                r, r + stride, r + 2 * stride, r + 3 * stride, r + 4 * stride, r + 5 * stride, r + 6 * stride, r + 7 * stride, out Vector256<float> c0, out Vector256<float> c1,
                out Vector256<float> c2, out Vector256<float> c3, out Vector256<float> c4, out Vector256<float> c5, out Vector256<float> c6, out Vector256<float> c7);
            c0.Store(d);
            c1.Store(d + panelWidth);
            c2.Store(d + 2 * panelWidth);
            c3.Store(d + 3 * panelWidth);
            c4.Store(d + 4 * panelWidth);
            c5.Store(d + 5 * panelWidth);
            c6.Store(d + 6 * panelWidth);
            c7.Store(d + 7 * panelWidth);
        }
    }

    private static void Widen<TFormat>(in MatrixRef right, int row, int k, int terms, float* destination)
        where TFormat : struct, IWeightFormat
    {
        if (row >= right.Rows)
        {
            new Span<float>(destination, terms).Clear();
            return;
        }

        float* scales = stackalloc float[Stretches.MaxDepth / Q8Format.BlockSize + 16];
        byte* data = right.Data + row * right.Stride;
        byte* elements = data + TFormat.ElementOffset(right.Columns) + (long)k * TFormat.ElementBytes;
        if (TFormat.HasScales)
            TFormat.PrepareRow<L, V>(data + k / Q8Format.BlockSize * Q8Format.ScaleBytes, Math.Min(terms, right.Columns - k), scales);
        for (nint j = 0; j < terms; j += L.Width)
            L.Store(destination + j, TFormat.Load<L, V>(elements, scales, j));
    }
}
