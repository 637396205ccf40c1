namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>
/// Query vectors that read the same keys and values: some rows of one span, and in each the query heads that share one
/// key/value head. Query m is row m / <see cref="HeadsPerRow"/> and head m % HeadsPerRow.
/// </summary>
internal unsafe struct AttentionGroup
{
    /// <summary>The shared head in block 0 of the pool, see <see cref="CpuKvPool"/>: panels of keys, then values.</summary>
    public float* Head;

    /// <summary>The sequence's block table.</summary>
    public int* Table;

    /// <summary>Floats from one block of the pool to the next.</summary>
    public long BlockFloats;

    /// <summary>Positions in a block are 2 to the power of this.</summary>
    public int BlockShift;

    /// <summary>Keys in a panel: two vectors of the width to compute with.</summary>
    public int PanelKeys;

    /// <summary>First row in the step's matrices.</summary>
    public int FirstRow;

    public int RowCount;

    public int FirstHead;

    public int HeadsPerRow;

    /// <summary>Position of the first row.</summary>
    public int FirstPosition;

    /// <summary>Positions [0, VisiblePrefix) are seen by every row.</summary>
    public int VisiblePrefix;

    /// <summary>Positions in the cache with the whole span: nothing past them is seen.</summary>
    public int Positions;

    /// <summary>Into how many parts the key blocks were divided; with more than one the results of all blocks meet in <see cref="Partial"/>.</summary>
    public int Parts;

    /// <summary>Where the block results lie among all partial results, in floats.</summary>
    public long Partial;

    public readonly int Queries => RowCount * HeadsPerRow;

    /// <summary>Positions in a block of the pool.</summary>
    public readonly int BlockPositions => 1 << BlockShift;

    /// <summary>Key blocks that the last row, which sees most, reaches.</summary>
    public readonly int Blocks => (Visible(Queries - 1) + AttentionKernel.KeyBlock - 1) / AttentionKernel.KeyBlock;

    /// <summary>How many positions, from 0 on, query <paramref name="query"/> attends to. Never falls from one query to the next.</summary>
    public readonly int Visible(int query)
        => VisibleTo(FirstPosition + query / HeadsPerRow, VisiblePrefix, Positions);

    /// <summary>The panel of keys that starts at <paramref name="position"/>.</summary>
    public readonly float* Panel(int position, int headDim) => Block(position) + (long)(position & (BlockPositions - 1)) * headDim;

    /// <summary>The values of a position; those of the block's later positions follow.</summary>
    public readonly float* Values(int position, int headDim, int valueStride)
        => Block(position) + (long)BlockPositions * headDim + (long)(position & (BlockPositions - 1)) * valueStride;

    /// <summary>The rule of <see cref="AttentionSpan"/>.</summary>
    public static int VisibleTo(int position, int visiblePrefix, int positions)
        => Math.Min(Math.Max(position + 1, visiblePrefix), positions);

    private readonly float* Block(int position) => Head + Table[position >> BlockShift] * BlockFloats;
}

/// <summary>A run of key blocks of one group: what a thread takes at a time.</summary>
internal struct AttentionPart
{
    public int Group;
    public int FirstBlock;
    public int BlockCount;
}
