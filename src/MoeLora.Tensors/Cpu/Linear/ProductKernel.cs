using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>
/// Adds a product of two matrices to a third, block by block. Right factors are packed into panels that stay in the second-level cache, a stretch of
/// terms at a time; rows of left factors, a tile at a time, stay in the first-level cache and meet all panels. Sums go straight to the destination.
/// </summary>
/// <remarks>The sum of an element takes its terms in the order and in the stretches that <see cref="Stretches"/> says, whatever the blocks.</remarks>
internal static unsafe class ProductKernel<L, V>
    where L : struct, IDenseLanes<V>
    where V : struct
{
    /// <summary>Packed right factors that a worker keeps: 448 KiB, well inside a second-level cache of 512 KiB to 2 MiB.</summary>
    public const int PanelFloats = Stretches.MaxDepth * MaxColumns;

    /// <summary>The widest block of columns, a multiple of every panel's width.</summary>
    public const int MaxColumns = 448;

    /// <summary>With at most this many rows, packing right factors costs more than reading them where they are.</summary>
    private const int UnpackedRows = 24;

    /// <summary>With at least this many panels, packing transposed left factors pays.</summary>
    private const int PackedLeftPanels = 3;

    private const int TallestTile = 12;

    /// <summary>Columns of a panel.</summary>
    public static int PanelWidth => 2 * L.Width;

    /// <summary>Floats of scratch that a worker needs.</summary>
    public static int ScratchFloats => PanelFloats + TallestTile * LeftRows.RowStride + TallestTile * PanelWidth;

    /// <summary>Whether results are so narrow that half of a panel would be padding.</summary>
    public static bool IsNarrow(in ProductPlan plan) => plan.Columns <= L.Width;

    /// <summary>Whether the right factors of a block of columns are packed once for all rows.</summary>
    public static bool IsPackedOnce(in ProductPlan plan, int columns) => (long)plan.Terms * columns <= PanelFloats;

    /// <summary>Whether right factors are read where they are.</summary>
    public static bool IsUnpacked(in ProductPlan plan) => plan.Right.DType == DType.F32 && !plan.RightTransposed && plan.Rows <= UnpackedRows && !IsNarrow(plan);

    /// <summary>Adds the products of a block of rows and columns.</summary>
    /// <param name="plan">The matrices.</param>
    /// <param name="firstRow">First row of the block.</param>
    /// <param name="endRow">The row behind it.</param>
    /// <param name="firstColumn">First column, a multiple of 32.</param>
    /// <param name="columns">Columns, padded to whole panels.</param>
    /// <param name="packed">Whether the scratch still holds the packed right factors of these columns.</param>
    /// <param name="scratch">The worker's.</param>
    public static void Run(in ProductPlan plan, int firstRow, int endRow, int firstColumn, int columns, bool packed, float* scratch)
    {
        int depth = Stretches.Depth(plan.Terms);
        bool once = IsPackedOnce(plan, columns), unpacked = IsUnpacked(plan), narrow = IsNarrow(plan);
        Start(plan, firstRow, endRow, firstColumn, columns);
        for (int k = 0; k < plan.Terms; k += depth)
        {
            int terms = Math.Min(depth, plan.Terms - k);
            float* panels = once ? scratch + (long)k * columns : scratch;
            if (!packed && !unpacked)
                Pack(plan, k, terms, firstColumn, columns, narrow ? L.Width : PanelWidth, panels, scratch + PanelFloats);
            if (narrow)
                NarrowStretch(plan, k, terms, firstRow, endRow, panels, scratch + PanelFloats);
            else if (unpacked)
                Stretch(plan, k, terms, firstRow, endRow, firstColumn, columns, (float*)(plan.Right.Data + k * plan.Right.Stride) + firstColumn, PanelWidth, (nint)(plan.Right.Stride / sizeof(float)), scratch + PanelFloats);
            else
                Stretch(plan, k, terms, firstRow, endRow, firstColumn, columns, panels, (long)terms * PanelWidth, PanelWidth, scratch + PanelFloats);
        }

        ClearPadding(plan, firstRow, endRow, firstColumn + columns);
    }

    /// <summary>Rows of the tile for what is left: the heights that leave the fewest empty rows.</summary>
    private static int TileRows(int rows) => L.Width < 16 ? 6 : rows > 16 || rows is > 8 and <= 12 ? TallestTile : 8;

    private static void Stretch(in ProductPlan plan, int k, int terms, int firstRow, int endRow, int firstColumn, int columns, float* right, long panelStride, nint rightStride, float* scratch)
    {
        float* left = scratch, edge = scratch + TallestTile * LeftRows.RowStride;
        int height;
        for (int row = firstRow; row < endRow; row += height)
        {
            height = TileRows(endRow - row);
            int rows = Math.Min(height, endRow - row);
            float* source = plan.Left + row * plan.LeftRowStride + k * plan.LeftTermStride;
            nint leftStride = 1;
            if (!plan.LeftTransposed)
            {
                CopyRows(source, plan.LeftStride, rows, height, terms, left);
            }
            else if (columns < PackedLeftPanels * PanelWidth && row + height <= plan.LeftReadable)
            {
                left = source;
                leftStride = (nint)plan.LeftStride;
            }
            else
            {
                left = scratch;
                leftStride = height;
                CopyTerms(source, plan.LeftStride, rows, height, terms, left);
            }

            bool accumulate = k > 0 || plan.Accumulates;
            int panels = columns / PanelWidth;
            int ahead = Math.Min(height, plan.Rows - row - height);
            for (int p = 0; p < panels; p++)
            {
                if (ahead > 0)
                    Fetch(source + height * plan.LeftRowStride, plan, ahead, (int)((long)terms * p / panels), (int)((long)terms * (p + 1) / panels));
                float* x = right + p * panelStride;
                float* c = plan.Destination + row * plan.DestinationStride + firstColumn + p * PanelWidth;
                if (rows == height)
                {
                    Tile(plan, height, left, leftStride, x, rightStride, terms, c, plan.DestinationStride, accumulate);
                    continue;
                }

                Tile(plan, height, left, leftStride, x, rightStride, terms, edge, PanelWidth, accumulate: false);
                for (int r = 0; r < rows; r++)
                    Store(edge + r * PanelWidth, c + r * plan.DestinationStride, PanelWidth, accumulate);
            }
        }
    }

    /// <summary>Fetches terms of the next tile's left factors into the second-level cache while this one's are multiplied.</summary>
    private static void Fetch(float* source, in ProductPlan plan, int rows, int firstTerm, int endTerm)
    {
        if (!Sse.IsSupported)
            return;
        const int line = 16;
        if (!plan.LeftTransposed)
        {
            for (int r = 0; r < rows; r++)
            {
                for (int t = firstTerm & -line; t < endTerm; t += line)
                    Sse.Prefetch1(source + r * plan.LeftStride + t);
            }
        }
        else
        {
            // A tile is narrower than a cache line: where its first row begins one, its last row is in the same; else its first came with the tile before.
            for (int t = firstTerm; t < endTerm; t++)
                Sse.Prefetch1(source + t * plan.LeftStride + rows - 1);
        }
    }

    private static void Tile(in ProductPlan plan, int height, float* left, nint leftStride, float* right, nint rightStride, int terms, float* c, long cStride, bool accumulate)
    {
        if (IsUnpacked(plan))
            TileOf<RightInPlace>(plan.LeftTransposed, height, left, leftStride, right, rightStride, terms, c, cStride, accumulate);
        else
            TileOf<PackedRight>(plan.LeftTransposed, height, left, leftStride, right, rightStride, terms, c, cStride, accumulate);
    }

    private static void TileOf<TRight>(bool transposed, int height, float* left, nint leftStride, float* right, nint rightStride, int terms, float* c, long cStride, bool accumulate)
        where TRight : struct, IRightLayout
    {
        if (transposed)
            Tile<LeftTerms, TRight>(height, left, leftStride, right, rightStride, terms, c, cStride, accumulate);
        else
            Tile<LeftRows, TRight>(height, left, leftStride, right, rightStride, terms, c, cStride, accumulate);
    }

    private static void Tile<TLeft, TRight>(int height, float* left, nint leftStride, float* right, nint rightStride, int terms, float* c, long cStride, bool accumulate)
        where TLeft : struct, ILeftLayout
        where TRight : struct, IRightLayout
    {
        if (L.Width < 16)
            MicroTile<L, V, TLeft, TRight>.Run6(left, leftStride, right, rightStride, terms, c, cStride, accumulate);
        else if (height == TallestTile)
            MicroTile<L, V, TLeft, TRight>.Run12(left, leftStride, right, rightStride, terms, c, cStride, accumulate);
        else
            MicroTile<L, V, TLeft, TRight>.Run8(left, leftStride, right, rightStride, terms, c, cStride, accumulate);
    }

    private static void NarrowStretch(in ProductPlan plan, int k, int terms, int firstRow, int endRow, float* right, float* scratch)
    {
        const int height = NarrowTile<L, V>.Rows;
        float* edge = scratch + TallestTile * LeftRows.RowStride;
        bool accumulate = k > 0 || plan.Accumulates;
        for (int row = firstRow; row < endRow; row += height)
        {
            int rows = Math.Min(height, endRow - row);
            float* left = plan.Left + row * plan.LeftRowStride + k * plan.LeftTermStride;
            float* c = plan.Destination + row * plan.DestinationStride;
            if (rows == height)
            {
                NarrowTile<L, V>.Run8(left, (nint)plan.LeftRowStride, (nint)plan.LeftTermStride, right, terms, c, (nint)plan.DestinationStride, accumulate);
                continue;
            }

            for (int r = 0; r < height; r++)
            {
                for (int t = 0; t < terms; t++)
                    scratch[r * LeftRows.RowStride + t] = r < rows ? left[r * plan.LeftRowStride + t * plan.LeftTermStride] : 0;
            }

            NarrowTile<L, V>.Run8(scratch, LeftRows.RowStride, 1, right, terms, edge, L.Width, accumulate: false);
            for (int r = 0; r < rows; r++)
                Store(edge + r * L.Width, c + r * plan.DestinationStride, L.Width, accumulate);
        }
    }

    /// <summary>Rows one after the other, zeros where there are none.</summary>
    private static void CopyRows(float* source, long stride, int rows, int height, int terms, float* left)
    {
        for (int r = 0; r < height; r++)
        {
            var row = new Span<float>(left + r * LeftRows.RowStride, terms);
            if (r < rows)
                new ReadOnlySpan<float>(source + r * stride, terms).CopyTo(row);
            else
                row.Clear();
        }
    }

    /// <summary>The rows of a term side by side, zeros where there are none.</summary>
    private static void CopyTerms(float* source, long stride, int rows, int height, int terms, float* left)
    {
        for (int t = 0; t < terms; t++, source += stride, left += height)
        {
            if (rows == height && height == 12)
            {
                Vector256.Load(source).Store(left);
                Vector128.Load(source + 8).Store(left + 8);
            }
            else if (rows == height && height == 8)
            {
                Vector256.Load(source).Store(left);
            }
            else if (rows == height)
            {
                Vector128.Load(source).Store(left);
                Vector64.Load(source + 4).Store(left + 4);
            }
            else
            {
                for (int r = 0; r < height; r++)
                    left[r] = r < rows ? source[r] : 0;
            }
        }
    }

    private static void Pack(in ProductPlan plan, int k, int terms, int firstColumn, int columns, int panelWidth, float* panels, float* rows)
    {
        if (plan.RightTransposed)
            RightPanels<L, V>.PackTransposed(plan.Right, k, terms, firstColumn, columns, panelWidth, panels, rows);
        else
            RightPanels<L, V>.Pack(plan.Right, k, terms, firstColumn, columns, panelWidth, panels);
    }

    private static void Store(float* sums, float* c, int columns, bool accumulate)
    {
        for (int i = 0; i < columns; i += L.Width)
            L.Store(c + i, accumulate ? L.Add(L.Load(c + i), L.Load(sums + i)) : L.Load(sums + i));
    }

    /// <summary>destination = beta · destination + bias, where that is not what it is already or will be.</summary>
    private static void Start(in ProductPlan plan, int firstRow, int endRow, int firstColumn, int columns)
    {
        if (plan.Bias == null && plan.Beta is 0 or 1)
            return;
        V beta = L.Broadcast(plan.Beta);
        for (int row = firstRow; row < endRow; row++)
        {
            float* c = plan.Destination + row * plan.DestinationStride + firstColumn;
            for (int i = 0; i < columns; i += L.Width)
            {
                V value = plan.Bias == null ? L.Zero : L.Load(plan.Bias + firstColumn + i);
                L.Store(c + i, plan.Beta == 0 ? value : L.Fma(beta, L.Load(c + i), value));
            }
        }
    }

    /// <summary>A NaN times the zeros of the padding is not zero.</summary>
    private static void ClearPadding(in ProductPlan plan, int firstRow, int endRow, int endColumn)
    {
        if (endColumn <= plan.Columns)
            return;
        for (int row = firstRow; row < endRow; row++)
            new Span<float>(plan.Destination + row * plan.DestinationStride + plan.Columns, endColumn - plan.Columns).Clear();
    }
}
