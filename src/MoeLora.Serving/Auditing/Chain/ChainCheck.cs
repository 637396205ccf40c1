using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>Computes a chain again, segment by segment, and stops at the first place that is wrong.</summary>
/// <param name="kept">Heads that the chain must contain.</param>
/// <param name="acknowledged">Place of the last record that was acknowledged, as far as is known.</param>
internal sealed class ChainCheck(IReadOnlyList<AuditHead> kept, long acknowledged)
{
    private readonly byte[] _lastHash = new byte[32];
    private readonly Dictionary<string, AuditEntry> _open = new(StringComparer.Ordinal);
    private string? _node;
    private string? _previousName;
    private bool _previousClosed;

    /// <summary>Records looked at.</summary>
    public long Records { get; private set; }

    /// <summary>Place of the first record there is; 0 for none.</summary>
    public long First { get; private set; }

    /// <summary>Place of the last good record; 0 for none.</summary>
    public long Last { get; private set; }

    /// <summary>Place of the first record that is wrong.</summary>
    public long? BrokenAt { get; private set; }

    /// <summary>What is wrong there.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether what is wrong is an end that was never acknowledged: a crash while it was written.</summary>
    public bool IsTornEnd { get; private set; }

    /// <summary>Length of the last segment up to its last good frame.</summary>
    public long GoodLength { get; private set; }

    /// <summary>Whether the last segment is closed.</summary>
    public bool IsClosed => _previousClosed;

    /// <summary>The node whose trail it is; null for an empty one.</summary>
    public string? Node => _node;

    /// <summary>Earliest and latest time of a record in the last segment.</summary>
    public (DateTimeOffset Earliest, DateTimeOffset Latest) Times { get; private set; } = (DateTimeOffset.MaxValue, DateTimeOffset.MinValue);

    /// <summary>The last good record.</summary>
    public AuditHead Head => new(Last, Convert.ToHexStringLower(_lastHash));

    /// <summary>Hash of the last good record.</summary>
    public byte[] LastHash => [.. _lastHash];

    /// <summary>Answers that began in the segments that were read and did not end in them, in no order: a few, as those that a node runs at once.</summary>
    public IReadOnlyCollection<AuditEntry> Open => _open.Values;

    /// <summary>What was found, for callers.</summary>
    public AuditVerdict Verdict => new(Records, BrokenAt, Problem, Head.Hash) { FirstSequence = First, LastSequence = Last };

    /// <summary>Checks these segments.</summary>
    /// <param name="segments">In order.</param>
    /// <param name="lastLimit">Bytes of the last one to look at; null for all.</param>
    /// <param name="closedBySealOnly">Takes a closed segment's records on its seal's word; only the links between segments and the last one are computed.</param>
    /// <param name="cancellation">Gives up.</param>
    public void Run(IReadOnlyList<string> segments, long? lastLimit = null, bool closedBySealOnly = false, CancellationToken cancellation = default)
    {
        for (int i = 0; i < segments.Count && Problem is null; i++)
        {
            bool isLast = i == segments.Count - 1;
            cancellation.ThrowIfCancellationRequested();
            CheckSegment(segments[i], isLast, isLast ? lastLimit : null, closedBySealOnly && !isLast, cancellation);
        }

        foreach (AuditHead head in kept)
        {
            if (Problem is null && head.Sequence > Last)
                Fail(Last + 1, $"records {Last + 1} to {head.Sequence} are missing: {head.Sequence} was the last one once, and the trail ends before");
            else if (Problem is null && head.Sequence == 0 && head != AuditHead.Empty)
                Fail(1, "the kept head is none: only an empty trail's is at place 0");
            else if (Problem is null && head.Sequence > 0 && head.Sequence < First - 1)
                Fail(head.Sequence, $"record {head.Sequence}, whose hash was kept, is in no segment here, which begin with {First}: older ones are missing, or were moved to a directory that was not named");
        }
    }

    private void CheckSegment(string path, bool isLast, long? limit, bool sealOnly, CancellationToken cancellation)
    {
        string name = Path.GetFileName(path);
        SegmentReader reader;
        try
        {
            reader = new SegmentReader(path, limit);
        }
        catch (FormatException e)
        {
            Fail(Last + 1, $"segment {name} cannot be read: {e.Message}");
            return;
        }

        using (reader)
        {
            if (!FollowsPrevious(reader.Header, name))
                return;
            Times = (DateTimeOffset.MaxValue, DateTimeOffset.MinValue);
            _previousName = name;
            _previousClosed = false;
            if (sealOnly && SegmentReader.ReadSeal(path) is { } seal && seal.Last >= reader.Header.First)
            {
                Records += seal.Last - Last;
                Last = seal.Last;
                seal.LastHash.CopyTo(_lastHash, 0);
                _previousClosed = true;
                return;
            }

            CheckRecords(reader, name, isLast, cancellation);
        }
    }

    private bool FollowsPrevious(SegmentHeader header, string name)
    {
        if (SegmentFiles.Name(header.First) != name)
            return Fail(Last + 1, $"segment {name} begins with record {header.First}, which its name does not say");
        if (_node is null)
        {
            First = header.First;
            Last = header.First - 1;
            header.PreviousHash.CopyTo(_lastHash, 0);
            _node = header.Node;
            if (kept.Any(head => head.Sequence == Last && Last > 0 && head != Head))
                return Fail(header.First, $"segment {name} does not begin with the hash that was kept of record {Last}");
            return header.First >= 1 && (header.First > 1 || header.PreviousHash.All(b => b == 0))
                || Fail(header.First, "the first record of all must follow 64 zeros");
        }

        if (header.First > Last + 1)
            return Fail(Last + 1, $"records {Last + 1} to {header.First - 1} are missing between segments {_previousName} and {name}");
        if (header.First <= Last)
            return Fail(header.First, $"segment {name} holds records that segment {_previousName} holds too");
        if (!_previousClosed)
            return Fail(header.First, $"segment {_previousName} is not closed, and {name} follows it");
        if (!header.PreviousHash.AsSpan().SequenceEqual(_lastHash))
            return Fail(header.First, $"segment {name} does not begin with the hash that segment {_previousName} ends with");
        return header.Node == _node || Fail(header.First, $"segment {name} is of node '{header.Node}', and those before of '{_node}'");
    }

    private void CheckRecords(SegmentReader reader, string name, bool isLast, CancellationToken cancellation)
    {
        while (reader.TryRead(out AuditRecord? record))
        {
            if (record.Sequence != Last + 1)
            {
                Fail(Last + 1, $"record {Last + 1} is missing in segment {name}: {record.Sequence} stands in its place");
                return;
            }

            if (record.Node != _node)
            {
                Fail(record.Sequence, $"record {record.Sequence} in segment {name} is of node '{record.Node}', and the trail of '{_node}'");
                return;
            }

            Records++;
            Last = record.Sequence;
            reader.Chain.CopyTo(_lastHash, 0);
            if (record.Entry.IsBegun)
                _open[record.Entry.Target!] = record.Entry;
            else if (record.Entry is { Action: AuditAction.Generate, Target: { } ended })
                _open.Remove(ended);
            Times = (record.At < Times.Earliest ? record.At : Times.Earliest, record.At > Times.Latest ? record.At : Times.Latest);
            foreach (AuditHead head in kept)
            {
                if (head.Sequence == record.Sequence && head.Hash != record.Hash)
                {
                    Fail(record.Sequence, $"record {record.Sequence} has another hash than the one that was kept of it");
                    return;
                }
            }

            if ((Records & 0xFFFF) == 0)
                cancellation.ThrowIfCancellationRequested();
        }

        GoodLength = reader.Position;
        if (reader.Problem is { } problem)
        {
            Fail(Last + 1, $"record {Last + 1} in segment {name}, byte {reader.Position}: {problem}");
            IsTornEnd = isLast && reader.Seal is null && Last + 1 > acknowledged && !LaterCommit.Exists(reader.Path, reader.Position, Last + 1);
        }
        else if (reader.Seal is { } seal)
        {
            _previousClosed = true;
            if (seal.Last != Last || !seal.LastHash.AsSpan().SequenceEqual(_lastHash))
                Fail(Last + 1, $"segment {name} was closed after record {seal.Last}, and its records end with {Last}");
        }
    }

    private bool Fail(long at, string problem)
    {
        BrokenAt = at;
        Problem = problem + ".";
        return false;
    }
}
