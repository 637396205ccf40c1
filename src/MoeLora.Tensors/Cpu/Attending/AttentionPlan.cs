namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>How one call is divided among the threads. Reused: it allocates only when it grows.</summary>
internal sealed unsafe class AttentionPlan
{
    // Queries that share a pass over the keys: enough to make the pass compute-bound, few enough that their scores stay in the second-level cache.
    private const int GroupQueries = 64;

    // Parts for each thread when there are few groups: enough to even out, and then the rest is done without dividing.
    private const int PartsPerThread = 4;

    private AttentionGroup[] _groups = new AttentionGroup[64];
    private AttentionPart[] _parts = new AttentionPart[64];

    public ReadOnlySpan<AttentionGroup> Groups => _groups.AsSpan(0, GroupCount);

    public ReadOnlySpan<AttentionPart> Parts => _parts.AsSpan(0, PartCount);

    public int GroupCount { get; private set; }

    public int PartCount { get; private set; }

    /// <summary>Whether a group was divided, and <see cref="AttentionKernel.Join"/> is needed.</summary>
    public bool Divided { get; private set; }

    /// <summary>Most queries of a group, rounded up to 16.</summary>
    public int MaxQueries { get; private set; }

    /// <summary>Key blocks of all divided groups.</summary>
    public long PartialBlocks { get; private set; }

    /// <summary>Query-key pairs, tiles' free places counted.</summary>
    public long Pairs { get; private set; }

    /// <summary>Plans <paramref name="spans"/>. Groups with more keys come first within a span, as they take longest.</summary>
    public void Build(int queryHeads, int layer, ReadOnlySpan<AttentionSpan> spans, int threads)
    {
        GroupCount = 0;
        Pairs = 0;
        int maxQueries = 0;
        foreach (ref readonly AttentionSpan span in spans)
        {
            CpuKvPool pool = CpuDevice.Cpu(span.Cache);
            int headsPerRow = queryHeads / pool.Heads;
            int rowsPerGroup = Math.Max(1, GroupQueries / headsPerRow);
            for (int end = span.RowCount; end > 0; end -= Math.Min(end, rowsPerGroup))
            {
                int first = Math.Max(0, end - rowsPerGroup);
                for (int head = 0; head < pool.Heads; head++)
                {
                    var group = new AttentionGroup
                    {
                        Head = pool.Head(layer, head),
                        Table = CpuKvPool.Table(span.Cache),
                        BlockFloats = pool.BlockFloats,
                        BlockShift = pool.BlockShift,
                        PanelKeys = pool.PanelKeys,
                        FirstRow = span.FirstRow + first,
                        RowCount = end - first,
                        FirstHead = head * headsPerRow,
                        HeadsPerRow = headsPerRow,
                        FirstPosition = span.Past + first,
                        VisiblePrefix = span.VisiblePrefix,
                        Positions = span.Past + span.RowCount,
                    };
                    maxQueries = Math.Max(maxQueries, group.Queries);
                    Pairs += (long)group.Blocks * AttentionKernel.KeyBlock * group.Queries;
                    if (GroupCount == _groups.Length)
                        Array.Resize(ref _groups, 2 * GroupCount);
                    _groups[GroupCount++] = group;
                }
            }
        }
        MaxQueries = (maxQueries + 15) & ~15;
        Divide(threads);
    }

    private void Divide(int threads)
    {
        PartCount = 0;
        PartialBlocks = 0;
        Divided = false;
        int wanted = GroupCount == 0 || threads == 1 ? 1 : Math.Max(1, PartsPerThread * threads / GroupCount);
        for (int index = 0; index < GroupCount; index++)
        {
            ref AttentionGroup group = ref _groups[index];
            int blocks = group.Blocks;
            group.Parts = Math.Min(wanted, blocks);
            if (group.Parts > 1)
            {
                Divided = true;
                group.Partial = PartialBlocks;
                PartialBlocks += blocks;
            }
            for (int part = 0; part < group.Parts; part++)
            {
                int first = (int)((long)blocks * part / group.Parts);
                int end = (int)((long)blocks * (part + 1) / group.Parts);
                if (PartCount == _parts.Length)
                    Array.Resize(ref _parts, 2 * PartCount);
                _parts[PartCount++] = new AttentionPart { Group = index, FirstBlock = first, BlockCount = end - first };
            }
        }
    }
}
